//! `eddy serve`: the runs of a store in a browser. It shows a list with verdicts, and files of runs as
//! they are; nothing outside the store, whatever the address says.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use askama::Template;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tiny_http::{Header, Method, Request, Response, Server};

use crate::compare;
use crate::report::results::{self, Results};
use crate::report::{self, page, text};

/// Runs beyond these, the oldest, are not listed.
const RUNS_MAX: usize = 1000;
const THREADS: usize = 4;
/// For pages that bring their style and script with them. Reports restrict themselves further.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; \
    style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";
/// For all other files: whatever is in them, it does nothing.
const FILE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// Arguments of `eddy serve`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  eddy serve                     the runs of ./store on http://127.0.0.1:8080/
  eddy serve --port 0            on any free port, which is printed
  eddy serve --store /tmp/store --host 0.0.0.0    for the whole network: mind what logs hold")]
pub struct Args {
    /// The port to listen on; 0 for any that is free
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,

    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// Where runs are kept
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,
}

/// Serves until it is ended from outside.
pub fn run(args: &Args) -> ExitCode {
    let refuse = |text: String| {
        let _ = writeln!(io::stderr(), "eddy: {text}");
        ExitCode::from(2)
    };
    let store = match Store::open(&args.store) {
        Ok(store) => store,
        Err(error) => return refuse(format!("no store at {}: {error}", args.store.display())),
    };
    let server = match Server::http((args.host, args.port)) {
        Ok(server) => Arc::new(server),
        Err(error) => {
            return refuse(format!("cannot listen on {}:{}: {error}", args.host, args.port));
        }
    };
    let port = server.server_addr().to_ip().map_or(args.port, |address| address.port());
    let host = if args.host.is_ipv6() { format!("[{}]", args.host) } else { args.host.to_string() };
    let address = format!("http://{host}:{port}/");
    let _ = writeln!(io::stdout(), "serving {} on {address}", args.store.display());
    let local_only = args.host.is_loopback();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Ok(request) = server.recv() {
                    // A browser that went away is no concern of the others.
                    let _ = answer(request, &store, local_only);
                }
            });
        }
    });
    ExitCode::SUCCESS
}

/// The directory that everything comes from.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens a store.
    ///
    /// # Errors
    ///
    /// If it is no directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        let root = path.canonicalize()?;
        if root.is_dir() { Ok(Self { root }) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    /// The file or directory that a path of an address names, if it is in the store. Links may lead
    /// to other places in the store, not out of it.
    pub fn resolve(&self, address: &str) -> Option<PathBuf> {
        let decoded = percent_encoding::percent_decode_str(address).decode_utf8().ok()?;
        let mut path = self.root.clone();
        for part in decoded.trim_matches('/').split('/') {
            let is_plain = !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
            if !is_plain {
                return None;
            }
            path.push(part);
        }
        let path = path.canonicalize().ok()?;
        path.starts_with(&self.root).then_some(path)
    }

    /// The directories of runs, the latest first, as `workload/time`.
    fn runs(&self) -> io::Result<Vec<String>> {
        let mut runs = Vec::new();
        for workload in directories(&self.root)? {
            for time in directories(&self.root.join(&workload))? {
                runs.push((time, workload.clone()));
            }
        }
        runs.sort_unstable();
        Ok(runs.into_iter().rev().take(RUNS_MAX).map(|(time, of)| format!("{of}/{time}")).collect())
    }
}

/// Names of the directories in a directory, links left out.
fn directories(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    Ok(names)
}

fn answer(request: Request, store: &Store, local_only: bool) -> io::Result<()> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return refuse(request, 405, "Only GET and HEAD are answered here.");
    }
    if local_only && !is_local(&request) {
        // A page from elsewhere whose name was made to point here.
        return refuse(request, 403, "This server answers under its local names only.");
    }
    let url = request.url().to_owned();
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    match path {
        "/" => match index(store) {
            Ok(html) => respond_page(request, html),
            Err(error) => refuse(request, 500, &error.to_string()),
        },
        "/favicon.ico" => respond(request, Response::empty(204), &[]),
        "/compare" => match compare_runs(store, query) {
            Some(html) => respond_page(request, html),
            None => refuse(request, 404, "There are no such two runs."),
        },
        _ => match store.resolve(path) {
            Some(found) if found.is_file() => respond_file(request, &found),
            Some(found) if found.join(report::FILE).is_file() => {
                // Two slashes at the beginning would name another host.
                let target = format!("/{}/{}", path.trim_matches('/'), report::FILE);
                respond(request, Response::empty(302), &[("Location", &target)])
            }
            _ => refuse(request, 404, "There is nothing here."),
        },
    }
}

/// Whether a request names this machine by one of its local names.
fn is_local(request: &Request) -> bool {
    let host = request.headers().iter().find(|header| header.field.equiv("Host"));
    let host = host.map_or("", |host| host.value.as_str());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn respond_page(request: Request, html: String) -> io::Result<()> {
    let headers =
        [("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", PAGE_POLICY)];
    respond(request, Response::from_string(html), &headers)
}

fn respond_file(request: Request, path: &Path) -> io::Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let policy = if name == report::FILE { PAGE_POLICY } else { FILE_POLICY };
    let headers = [("Content-Type", content_type(name)), ("Content-Security-Policy", policy)];
    respond(request, Response::from_file(File::open(path)?), &headers)
}

/// What a file is, by its name. Only our own report is a page: a node can write files too.
fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" if name == report::FILE => "text/html; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" => "application/json",
        "html" | "jsonl" | "log" | "txt" | "md" | "edn" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn refuse(request: Request, status: u16, why: &str) -> io::Result<()> {
    let response = Response::from_string(format!("{status}: {why}\n")).with_status_code(status);
    respond(request, response, &[("Content-Type", "text/plain; charset=utf-8")])
}

fn respond<R: io::Read>(
    request: Request,
    mut response: Response<R>,
    headers: &[(&str, &str)],
) -> io::Result<()> {
    let for_all = [
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-cache"),
    ];
    for (field, value) in headers.iter().chain(&for_all) {
        if let Ok(header) = Header::from_bytes(*field, *value) {
            response.add_header(header);
        }
    }
    request.respond(response)
}

#[derive(Template)]
#[template(path = "index.html")]
struct Index {
    style: &'static str,
    runs: Vec<Run>,
}

/// A line of the list of runs.
struct Run {
    path: String,
    name: String,
    class: &'static str,
    verdict: &'static str,
    title: String,
    why: String,
    operations: String,
    has_report: bool,
}

/// As much of the results as the list shows; the rest may be long.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Head {
    #[serde(rename = "valid?")]
    valid: Value,
    verdict: Value,
    options: Value,
    stats: Value,
}

fn index(store: &Store) -> io::Result<String> {
    let runs = store.runs()?.into_iter().map(|name| {
        let directory = store.root.join(&name);
        let head: Head = File::open(directory.join(results::FILE))
            .ok()
            .and_then(|file| serde_json::from_reader(io::BufReader::new(file)).ok())
            .unwrap_or_default();
        let head = serde_json::to_value(head).unwrap_or_default();
        let results = Results(&head);
        let count = results.at(&["stats", "count"]).as_u64();
        Run {
            path: name.split('/').map(encode).collect::<Vec<_>>().join("/"),
            class: page::class(results),
            verdict: results.verdict_word(),
            title: results.title(),
            why: results.causes().into_iter().next().unwrap_or_default(),
            operations: count.map(text::grouped).unwrap_or_default(),
            has_report: directory.join(report::FILE).is_file(),
            name,
        }
    });
    Index { style: page::STYLE, runs: runs.collect() }.render().map_err(io::Error::other)
}

fn encode(part: &str) -> String {
    percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The comparison that a query such as `a=lin-kv/1&b=lin-kv/2` asks for.
fn compare_runs(store: &Store, query: &str) -> Option<String> {
    let run = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        store.resolve(&value.replace('+', "%20")).filter(|path| path.is_dir())
    };
    let (a, b) = (compare::Run::read(&run("a")?).ok()?, compare::Run::read(&run("b")?).ok()?);
    compare::page(&a, &b).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_store_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let (outside, root) = (directory.path().join("secret"), directory.path().join("store"));
        fs::write(&outside, "secret").unwrap();
        fs::create_dir_all(root.join("echo/1")).unwrap();
        fs::write(root.join("echo/1/a b.log"), "log").unwrap();
        #[cfg(unix)]
        for (link, target) in [("out", "../secret"), ("up", ".."), ("latest", "echo/1")] {
            std::os::unix::fs::symlink(target, root.join(link)).unwrap();
        }
        let store = Store::open(&root).unwrap();
        for address in [
            "/../secret",
            "/echo/../../secret",
            "/%2e%2e/secret",
            "/%2E%2E%2Fsecret",
            "/..%2fsecret",
            "/echo/1/..%5c..%5csecret",
            "//secret",
            "/./echo",
            "/out",
            "/up/secret",
            "/echo/1/a%00b",
            "/%ff",
            "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            "/echo//1",
            "",
            "/",
        ] {
            assert_eq!(store.resolve(address), None, "{address}");
        }
        let outside = outside.canonicalize().unwrap();
        assert_eq!(store.resolve(outside.to_str().unwrap()), None);
        assert!(store.resolve("/echo/1/a%20b.log").unwrap().is_file());
        assert!(store.resolve("/latest/a%20b.log").unwrap().is_file());
        assert!(store.resolve("/echo/1/").unwrap().is_dir());
    }

    #[test]
    fn only_the_report_is_a_page() {
        assert_eq!(content_type("report.html"), "text/html; charset=utf-8");
        assert_eq!(content_type("evil.html"), "text/plain; charset=utf-8");
        assert_eq!(content_type("n1.log"), "text/plain; charset=utf-8");
        assert_eq!(content_type("html"), "application/octet-stream");
    }

    #[test]
    fn the_list_shows_runs_with_their_verdicts() {
        let directory = tempfile::tempdir().unwrap();
        let run = directory.path().join("echo/<i>1");
        fs::create_dir_all(&run).unwrap();
        fs::create_dir_all(directory.path().join("echo/2")).unwrap();
        let results =
            r#"{"valid?":false,"verdict":{"causes":["<script>"]},"options":{"workload":"echo"}}"#;
        fs::write(run.join(results::FILE), results).unwrap();
        let store = Store::open(directory.path()).unwrap();
        assert_eq!(store.runs().unwrap(), ["echo/<i>1", "echo/2"]);
        let html = index(&store).unwrap();
        assert!(html.contains("INVALID") && html.contains("unfinished"));
        assert!(!html.contains("<i>") && !html.contains("<script>"));
    }
}
