//! Reports in a real browser: headless Chromium opens them, runs their script under their own policy,
//! and must have nothing to complain about.
//!
//! Needs Chromium (on Debian the package `chromium`). Without it these tests are passed over with a
//! line that says so, except in CI, where they fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::TemporaryDirectory;

/// A run's directory as eddy leaves it.
pub(crate) struct Run {
    pub(crate) directory: TemporaryDirectory,
    pub(crate) results: Value,
    history: String,
    messages: String,
    index: u64,
    message: u64,
}

impl Run {
    pub(crate) fn new(name: &str, valid: Value) -> Self {
        let results = json!({
            "valid?": valid,
            "verdict": {"text": "What the verdict says.", "causes": []},
            "options": {"workload": name, "node-count": 3, "seed": 42, "simulate": "gossiper",
                "command": format!("eddy test -w {name} --simulate gossiper --seed 42")},
        });
        let directory = TemporaryDirectory::new(&format!("report-{name}"));
        let (history, messages) = (String::new(), String::new());
        Self { directory, results, history, messages, index: 0, message: 0 }
    }

    pub(crate) fn event(&mut self, milliseconds: u64, event: Value) {
        let mut line = json!({"index": self.index, "time": milliseconds * 1_000_000});
        for (name, value) in event.as_object().into_iter().flatten() {
            line[name] = value.clone();
        }
        self.index += 1;
        self.history.push_str(&format!("{line}\n"));
    }

    /// An operation that takes so many milliseconds.
    pub(crate) fn operation(
        &mut self,
        start: u64,
        took: u64,
        process: u64,
        op: Value,
        outcome: &str,
    ) {
        let with = |kind: &str| {
            let mut event = op.clone();
            event["process"] = process.into();
            event["type"] = kind.into();
            event
        };
        self.event(start, with("invoke"));
        self.event(start + took, with(outcome));
    }

    fn nemesis(&mut self, milliseconds: u64, f: &str) {
        self.event(
            milliseconds,
            json!({"process": "nemesis", "type": "info", "f": f, "value": ["n1"]}),
        );
    }

    /// A message that arrives a millisecond later, or is lost.
    pub(crate) fn send(
        &mut self,
        milliseconds: u64,
        src: &str,
        dest: &str,
        body: Value,
        is_lost: bool,
    ) {
        let second = if is_lost { "lost" } else { "recv" };
        for (event, milliseconds) in [("send", milliseconds), (second, milliseconds + 1)] {
            let line = json!({"time": milliseconds * 1_000_000, "id": self.message, "event": event,
                "src": src, "dest": dest, "body": body, "reason": "partition"});
            self.messages.push_str(&format!("{line}\n"));
        }
        self.message += 1;
    }

    fn log(&self, node: &str, text: &[u8]) {
        let logs = self.directory.path().join("node-logs");
        fs::create_dir_all(&logs).expect("a directory for logs");
        fs::write(logs.join(format!("{node}.log")), text).expect("a log is written");
    }

    /// Writes the files and the report, and opens it.
    fn open(&self) -> Option<Opened> {
        open(&self.write())
    }

    /// Writes the files and the report, and says where that is.
    pub(crate) fn write(&self) -> PathBuf {
        let path = self.directory.path();
        fs::write(path.join("results.json"), self.results.to_string())
            .expect("a file of the run is written");
        fs::write(path.join("history.jsonl"), &self.history).expect("a file of the run is written");
        fs::write(path.join("messages.jsonl"), &self.messages)
            .expect("a file of the run is written");
        eddy::report::write(path).expect("the report is written");
        path.join("report.html")
    }
}

/// A page after its script has run.
pub(crate) struct Opened {
    /// The document as HTML.
    pub(crate) document: String,
    /// Size of the file in bytes.
    size: u64,
}

impl Opened {
    fn has(&self, text: &str) -> &Self {
        if !self.document.contains(text) {
            let kept = std::env::temp_dir().join("eddy-report.html");
            fs::write(&kept, &self.document).expect("the page is kept");
            panic!("{text:?} is not in the page, see {}", kept.display());
        }
        self
    }

    fn has_not(&self, text: &str) -> &Self {
        assert!(!self.document.contains(text), "{text:?} is in the page");
        self
    }

    /// The document without its style, script and embedded data.
    fn without_data(&self) -> String {
        let mut text = String::new();
        let mut rest = self.document.as_str();
        for (begin, end) in
            [("<style", "</style>"), ("<script", "</script>"), ("<script", "</script>")]
        {
            if let Some(start) = rest.find(begin)
                && let Some(length) = rest[start..].find(end)
            {
                text.push_str(&rest[..start]);
                rest = &rest[start + length..];
            }
        }
        text.push_str(rest);
        text
    }
}

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|directory| {
            ["chromium", "chromium-browser", "google-chrome"].map(|name| directory.join(name))
        })
        .find(|program| program.is_file());
    assert!(
        found.is_some() || std::env::var_os("CI").is_none(),
        "Chromium is needed to test reports: apt-get install chromium"
    );
    found
}

/// Opens a page in headless Chromium; nothing without Chromium.
pub(crate) fn open(page: &Path) -> Option<Opened> {
    open_at(page, "")
}

/// The same at a place of the page.
fn open_at(page: &Path, fragment: &str) -> Option<Opened> {
    let Some(chromium) = chromium() else {
        eprintln!("NOT TESTED: there is no Chromium to open {} with", page.display());
        return None;
    };
    let profile = TemporaryDirectory::new(&format!(
        "chromium-{}",
        page.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy()
    ));
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--window-size=1200,900", "--virtual-time-budget=5000"])
        .args(["--enable-logging=stderr", "--dump-dom", "--allow-file-access-from-files"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}{fragment}", page.display()))
        .output()
        .expect("Chromium starts");
    let complaints = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<_> = complaints.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(complaints.is_empty(), "the page's console: {complaints:#?}");
    let document = String::from_utf8(output.stdout).expect("the document is UTF-8");
    let opened = Opened { document, size: fs::metadata(page).expect("the page is there").len() };
    opened.has("data-ready=\"true\"");
    Some(opened)
}

#[test]
fn a_valid_run_shows_figures_plots_messages_and_history() {
    let mut run = Run::new("broadcast", json!(true));
    run.results["stats"] = json!({"count": 50, "ok-count": 50, "fail-count": 0, "info-count": 0});
    run.results["highlights"] =
        json!([{"count": {"name": "elements", "count": 50, "of-these": [[3, "late somewhere"]]}}]);
    run.results["exhibits"] = json!([{"name": "stable-latencies", "title": "Spread of stable latencies",
        "caption": "How late.", "drawing": {"table": {"unit": "ms",
            "rows": [["min", 0.0], ["p50", 10.0], ["max", 310.0]]}}}]);
    run.results["fault-phases"] = json!([{"fault": "partition", "start-time": 100_000_000,
        "end-time": 200_000_000, "invoked": 10, "ok": 9}]);
    for n in 0..50 {
        if n == 10 {
            run.nemesis(100, "start-partition");
        }
        if n == 20 {
            run.nemesis(200, "stop-partition");
        }
        run.operation(n * 10, 2, n % 3, json!({"f": "broadcast", "value": n}), "ok");
        let body = json!({"type": "broadcast", "message": n, "msg_id": n});
        run.send(n * 10, "c1", "n1", body, false);
        run.send(n * 10 + 1, "n1", "n2", json!({"type": "gossip", "values": [n]}), n == 5);
    }
    let Some(page) = run.open() else { return };
    page.has("broadcast on 3 nodes, simulated, seed 42")
        .has(">valid<")
        .has("eddy test -w broadcast --simulate gossiper --seed 42")
        .has("Latency of operations.")
        .has("Spread of stable latencies.")
        .has("How late. min 0 ms, p50 10 ms, max 310 ms.")
        .has("3 late somewhere")
        .has("9 of 10 (90 %)")
        .has("100 messages.")
        .has("50 operations")
        .has("class=\"arrow lost\"");
    for file in ["latency-raw.svg", "latency-quantiles.svg", "rate.svg", "stable-latencies.svg"] {
        let svg = fs::read_to_string(run.directory.path().join(file)).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{file}");
    }
}

#[test]
fn one_operation_can_be_shown_alone() {
    let mut run = Run::new("one-operation", json!(true));
    for n in 0..20 {
        run.send(
            n * 10,
            "c1",
            "n1",
            json!({"type": "broadcast", "message": n, "msg_id": n}),
            false,
        );
        run.send(n * 10 + 1, "n1", "c1", json!({"type": "broadcast_ok", "in_reply_to": n}), false);
        run.send(n * 10 + 1, "n1", "n2", json!({"type": "gossip", "values": [n]}), false);
        // Told on by a timer, together with what came later.
        run.send(n * 10 + 25, "n2", "n3", json!({"type": "gossip", "values": [n, n + 1]}), false);
    }
    let Some(page) = run.open() else { return };
    page.has("80 messages.");
    // The request of 4, its reply, the first gossip, and the two that have 4 in them.
    let page = open_at(&run.directory.path().join("report.html"), "#operation-14");
    page.expect("there is a Chromium").has("5 of 80 messages, all of one operation");
}

#[test]
fn a_violation_of_linearizability_is_drawn() {
    let mut run = Run::new("lin-kv", json!(false));
    let bar = |process: u64, label: &str, start: u64| {
        json!({"process": process, "label": label, "outcome": "ok", "is-wrong": process == 2,
            "start": {"index": start, "time": start * 5_000_000},
            "end": {"index": start + 1, "time": (start + 1) * 5_000_000}})
    };
    for (n, (f, value)) in (0..).zip([("write", 1), ("write", 2), ("read", 1)]) {
        run.operation(n * 10, 5, n, json!({"f": f, "key": 0, "value": value}), "ok");
    }
    run.send(20, "c3", "n2", json!({"type": "read", "key": 0, "msg_id": 7}), false);
    run.send(22, "n2", "c3", json!({"type": "read_ok", "value": 1, "in_reply_to": 7}), false);
    run.results["verdict"]["causes"] = json!(["key 0: process 2 read 1, but it holds 2"]);
    run.results["lead"] = json!({"text": "process 2 read 1, but it holds 2", "time": 25_000_000,
        "operations": [{"invoked": 4, "what": "read 0 → 1"}], "clue": {"stale": {"key": 0}}});
    run.results["exhibits"] = json!([{"name": "violation", "title": "Why this is not linearizable",
        "caption": "Operations on key 0.", "is-evidence": true, "drawing": {"time-line": {
            "subject": "register", "states": ["2"],
            "bars": [bar(0, "write 1", 0), bar(1, "write 2", 2), bar(2, "read → 1", 4)],
            "order": [{"bar": 0, "state": "1"}, {"bar": 1, "state": "2"}]}}}]);
    let Some(page) = run.open() else { return };
    page.has(">INVALID<")
        .has("Why this is not linearizable")
        .has("can only be 2")
        .has("process 2 read 1, but it holds 2 n2 answered it without asking another node, and no message about this key")
        .has("c3 → n2")
        .has("read_ok {\"value\":1}")
        .has("here: 0.025 s");
}

#[test]
fn crashed_nodes_are_shown_with_their_last_words() {
    let mut run = Run::new("echo", json!(false));
    run.results["problems"] = json!([
        {"node": "n2", "time": 5_000_000_u64, "kind": "died", "text": "ended with exit status 101", "count": 1},
        {"node": "n1", "time": 9_000_000_u64, "kind": "garbage", "text": "line 3 is no JSON", "count": 12},
    ]);
    run.operation(0, 1000, 0, json!({"f": "echo", "value": "hi"}), "info");
    run.log("n2", b"starting\nthread 'main' panicked: index out of bounds\n");
    run.log("n10", b"");
    let Some(page) = run.open() else { return };
    page.has("n2: ended with exit status 101")
        .has("panicked: index out of bounds")
        .has("line 3 is no JSON")
        .has("2 lines");
}

#[test]
fn an_empty_run_is_a_page_too() {
    let directory = TemporaryDirectory::new("report-empty");
    eddy::report::write(directory.path()).unwrap();
    let Some(page) = open(&directory.path().join("report.html")) else { return };
    page.has(">unfinished<")
        .has("No messages were recorded.")
        .has("No operations were recorded.")
        .has("No node wrote anything");

    let broken = Run::new("broken", json!([]));
    for file in ["results.json", "history.jsonl", "messages.jsonl"] {
        fs::write(broken.directory.path().join(file), b"{\"a\":\n\xff[1,{}\n").unwrap();
    }
    eddy::report::write(broken.directory.path()).unwrap();
    let Some(page) = open(&broken.directory.path().join("report.html")) else { return };
    page.has("results.json cannot be read").has("lines of history.jsonl cannot be read");
}

#[test]
fn hostile_content_is_text() {
    const EVIL: &str = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"><!--\u{202e}\u{1b}[31m\0";
    let mut run = Run::new("<b>hostile</b>", json!(false));
    run.results["verdict"] = json!({"text": EVIL, "causes": [EVIL, "x".repeat(1 << 20)]});
    run.results["options"]["command"] = EVIL.into();
    run.results["options"][EVIL] = EVIL.into();
    run.results["notes"] = json!([EVIL, {"text": EVIL}]);
    run.results["problems"] =
        json!([{"node": EVIL, "time": 1, "kind": EVIL, "text": EVIL, "count": 1}]);
    run.results["fault-phases"] = json!([{"fault": EVIL}]);
    run.results["workload"] = json!({EVIL: EVIL});
    run.results["highlights"] =
        json!([{"count": {"name": EVIL, "count": 1, "of-these": [[1, EVIL]]}}]);
    run.results["lead"] = json!({"text": EVIL, "operations": [{"invoked": 0, "what": EVIL}],
        "clue": {"repeated": {"value": EVIL, "times": 2, "at-once": false}}});
    let moment = json!({"index": 0, "time": 0});
    let drawings = [
        json!({"time-line": {"subject": EVIL, "states": [EVIL], "order": [{"bar": 0, "state": EVIL}],
            "bars": [{"process": 0, "label": EVIL, "outcome": "ok", "start": moment, "end": moment}]}}),
        json!({"table": {"unit": EVIL, "rows": [[EVIL, 1.0]]}}),
        json!({"series": {"axis": EVIL, "places": [EVIL],
            "groups": [{"name": EVIL, "style": "line", "points": [[0, 0.0]]}]}}),
        json!({"cycle": {"members": [{"name": EVIL, "process": 0, "events": [0, null],
                "parts": [{"text": EVIL, "is-involved": true}]}],
            "steps": [{"from": 0, "to": 9, "kind": EVIL, "meaning": EVIL, "about": EVIL, "why": EVIL}]}}),
    ];
    run.results["exhibits"] = drawings
        .iter()
        .map(|drawing| json!({"name": EVIL, "title": EVIL, "caption": EVIL, "drawing": drawing}))
        .collect();
    let megabyte = "y".repeat(1 << 20);
    for (n, value) in (0..).zip([EVIL, &megabyte]) {
        run.operation(
            n,
            1,
            n,
            json!({"f": "read", "key": value, "value": value, "error": value}),
            "ok",
        );
        let body = json!({"type": value, value: value, "msg_id": "no number"});
        run.send(n, "n1", "n<script>", body, n == 0);
    }
    run.nemesis(3, &format!("start-{EVIL}"));
    run.log("n1", EVIL.as_bytes());
    run.log("n2", megabyte.as_bytes());
    run.log("n3", &[0xff, 0xfe, 0, 1, 2]);
    let Some(page) = run.open() else { return };
    page.has_not("<title>owned").has_not("<img").has("␛[31m␀").has("\\u{202e}");
    page.has("&lt;/script&gt;").has("… (1,048,576 bytes)").has("exhibit-4.svg");
    assert!(page.size < 1_000_000, "{} bytes", page.size);
}

#[test]
fn a_hundred_thousand_messages_are_a_page_that_can_be_used() {
    let mut run = Run::new("many", json!(true));
    for n in 0..150_000_u64 {
        let (src, dest) = (format!("n{}", n % 25), format!("n{}", (n * 7 + 1) % 25));
        run.send(
            n / 5,
            &src,
            &dest,
            json!({"type": "gossip", "values": [n, n + 1]}),
            n % 1000 == 0,
        );
    }
    for n in 0..30_000 {
        run.operation(n, 1, n % 10, json!({"f": "broadcast", "value": n}), "ok");
    }
    let Some(page) = run.open() else { return };
    page.has("of 150,000 messages").has("20,000 operations").has("of 30,000 operations");
    page.has_not("NaN");
    assert!(page.size < 16_000_000, "{} bytes", page.size);
    // What is drawn is a window: a few paths, not an element a message.
    let elements = page.without_data().matches("<path").count();
    assert!(elements < 200, "{elements} paths");
}

/// What the README promises of its example.
#[test]
fn the_node_of_the_five_minute_path_fails_as_described() {
    let store = TemporaryDirectory::new("five-minutes");
    let node = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/kv.py");
    let (status, stdout, stderr) = crate::support::run(&[
        "test",
        "-w",
        "lin-kv",
        "--node-count",
        "3",
        "--time-limit",
        "3",
        "--rate",
        "50",
        "--latency",
        "50",
        "--seed",
        "3",
        "--bin",
        node.to_str().unwrap(),
        "--store",
        store.path().to_str().unwrap(),
    ]);
    assert_eq!(status, Some(1), "{stdout}{stderr}");
    assert!(stdout.starts_with("eddy lin-kv on 3 nodes, seed 3\n"), "{stdout}");
    assert!(stdout.contains("\n✘ INVALID\n"), "{stdout}");
    let Some(page) = open(&store.path().join("lin-kv/latest/report.html")) else { return };
    page.has("Why this is not linearizable").has("replicate").has("its peers are");
}
