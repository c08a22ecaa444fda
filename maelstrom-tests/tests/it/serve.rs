//! `eddy serve` and `eddy compare` as a user starts them, and as somebody who means no good asks them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::{TemporaryDirectory, eddy, run};

/// A server that ends with the test.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(store: &Path) -> Self {
        let mut process = Command::new(eddy())
            .args(["serve", "--port", "0", "--store"])
            .arg(store)
            .stdout(Stdio::piped())
            .spawn()
            .expect("eddy starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("stdout is piped"))
            .read_line(&mut line)
            .expect("it says something");
        let (_, address) = line.trim_end().rsplit_once("http://").expect("it says where it is");
        Self { process, address: address.trim_end_matches('/').to_owned() }
    }

    /// Sends a request as it is and returns status, headers and body.
    fn ask(&self, method: &str, path: &str, host: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
            .expect("it is asked");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        let status =
            head.split(' ').nth(1).unwrap_or_default().parse().expect("a status is a number");
        (status, head.to_ascii_lowercase(), body.to_owned())
    }

    fn get(&self, path: &str) -> (u16, String, String) {
        self.ask("GET", path, "localhost")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A store with two runs, and a secret beside it.
fn store(name: &str) -> TemporaryDirectory {
    let directory = TemporaryDirectory::new(name);
    for (time, p50) in [("1", 2.0), ("2", 5.0)] {
        let run = directory.path().join("store/echo").join(time);
        fs::create_dir_all(&run).expect("a run has a directory");
        let results = json!({"valid?": time == "1", "options": {"workload": "echo", "seed": 1},
            "latencies": {"p50": p50, "p95": p50, "p99": p50, "max": p50, "by-f": {}}});
        fs::write(run.join("results.json"), results.to_string()).expect("a file is written");
        let history = format!(
            "{}\n{}\n",
            json!({"index": 0, "time": 0, "process": 0, "type": "invoke", "f": "echo", "value": 1}),
            json!({"index": 1, "time": p50 * 1e6, "process": 0, "type": "ok", "f": "echo", "value": 1}),
        )
        .replace(".0,", ",");
        fs::write(run.join("history.jsonl"), history).expect("a file is written");
        eddy::report::write(&run).expect("the report is written");
        fs::write(run.join("evil.html"), "<script>alert(1)</script>").expect("a file is written");
    }
    fs::write(directory.path().join("secret"), "the secret").expect("a file is written");
    directory
}

#[test]
fn runs_are_listed_with_their_verdicts_and_opened() {
    let directory = store("serve");
    let server = Server::start(&directory.path().join("store"));
    let (status, _, list) = server.get("/");
    assert_eq!(status, 200);
    assert!(
        list.contains("echo/1/report.html")
            && list.contains(">valid<")
            && list.contains(">INVALID<")
    );
    let (status, head, report) = server.get("/echo/1/report.html");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/html") && head.contains("nosniff"));
    assert!(report.contains("echo, seed 1"));
    let (status, head, _) = server.get("/echo/1");
    assert!(status == 302 && head.contains("location: /echo/1/report.html"), "{head}");
    // What looks like another host leads nowhere else.
    let (status, head, _) = server.get("//echo/1");
    assert!(status == 302 && head.contains("location: /echo/1/report.html"), "{head}");
    let (_, head, _) = server.get("/echo/1/results.json");
    assert!(head.contains("content-type: application/json"));
    let (_, head, _) = server.get("/echo/1/evil.html");
    assert!(head.contains("content-type: text/plain") && head.contains("sandbox"), "{head}");
    let (status, _, comparison) = server.get("/compare?a=echo%2F1&b=echo%2F2");
    assert_eq!(status, 200);
    assert!(comparison.contains("2.5×") && comparison.contains("<svg"));
}

#[test]
fn nothing_else_is_served() {
    let directory = store("serve-hostile");
    let server = Server::start(&directory.path().join("store"));
    for path in [
        "/../secret",
        "/echo/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/echo/1/%2e%2e/%2e%2e/%2e%2e/secret",
        "//etc/passwd",
        "/echo",
        "/echo/",
        "/compare?a=..%2f..&b=echo%2F1",
        "/compare?a=echo%2F1",
        "/nothing",
    ] {
        let (status, head, body) = server.get(path);
        assert_eq!(status, 404, "{path}: {body}");
        assert!(head.contains("nosniff") && !body.contains("secret\n"), "{path}");
    }
    assert_eq!(server.ask("POST", "/", "localhost").0, 405);
    // A name from elsewhere that was made to point to this machine.
    assert_eq!(server.ask("GET", "/", "attacker.example").0, 403);
    for host in ["127.0.0.1:8080", "[::1]:8080", "LOCALHOST:1"] {
        assert_eq!(server.ask("GET", "/", host).0, 200, "{host}");
    }
}

#[test]
fn clients_that_say_nothing_or_do_not_read_keep_nobody_waiting() {
    let directory = store("serve-slow");
    let large = directory.path().join("store/echo/1/messages.jsonl");
    fs::File::create(large).and_then(|file| file.set_len(64 << 20)).expect("a file is made");
    let server = Server::start(&directory.path().join("store"));
    let mut slow = Vec::new();
    for index in 0..40 {
        let mut stream = TcpStream::connect(&server.address).expect("it listens");
        if index % 2 == 0 {
            let request = "GET /echo/1/messages.jsonl HTTP/1.1\r\nHost: localhost\r\n\r\n";
            stream.write_all(request.as_bytes()).expect("it is asked");
            stream.read_exact(&mut [0; 12]).expect("it begins to answer");
        }
        slow.push(stream);
    }
    assert_eq!(server.get("/").0, 200);
    // A head without end is refused long before it is read.
    let endless = format!("localhost\r\nX: {}", "x".repeat(20 * 1024));
    assert_eq!(server.ask("GET", "/", &endless).0, 431);
    // One name from elsewhere is enough.
    assert_eq!(server.ask("GET", "/", "localhost\r\nHost: attacker.example").0, 403);
    drop(slow);
}

#[test]
fn a_store_that_is_not_there_is_one_line() {
    let (status, stdout, stderr) = run(&["serve", "--store", "/nowhere/at/all"]);
    assert_eq!((status, stdout.as_str()), (Some(2), ""));
    assert!(stderr.starts_with("eddy: no store at /nowhere/at/all") && stderr.lines().count() == 1);
}

#[test]
fn the_report_of_an_earlier_run_is_made_again() {
    let directory = store("report-again");
    let store = directory.path().join("store");
    let report = store.join("echo/2/report.html");
    fs::remove_file(&report).unwrap();
    let (status, stdout, stderr) = run(&["report", "echo/2", "--store", store.to_str().unwrap()]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains("✘ INVALID echo, seed 1") && report.is_file(), "{stdout}");
    let (status, _, stderr) = run(&["report", directory.path().to_str().unwrap()]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("this is no run"), "{stderr}");
}

#[test]
fn runs_are_compared_in_the_terminal_and_as_a_page() {
    let directory = store("compare");
    let store = directory.path().join("store");
    let page = directory.path().join("compare.html");
    let (status, stdout, stderr) = run(&[
        "compare",
        "echo/1",
        store.join("echo/2").to_str().unwrap(),
        "--store",
        store.to_str().unwrap(),
        "--html",
        page.to_str().unwrap(),
    ]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(
        stdout.contains("echo/1") && stdout.contains("INVALID") && stdout.contains("2.5×"),
        "{stdout}"
    );
    assert!(!stdout.contains('\u{1b}'), "no colours in a pipe");
    assert!(fs::read_to_string(page).unwrap().contains("Quantile curves"));
    let (status, _, stderr) = run(&["compare", "echo/1", "echo/9"]);
    assert_eq!(status, Some(2));
    assert!(stderr.starts_with("eddy: there is no run echo/1, neither here nor"), "{stderr}");
}
