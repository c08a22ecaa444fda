//! What nodes in the wild do (`tests/nodes/demo.py`), with the verdict that Maelstrom gives and the
//! one that eddy gives: it is never more lenient, and stricter only where the README says so.
//!
//! Maelstrom's column comes from running such nodes under it (jepsen 0.3.7), and where that was not
//! done from what its clients and checkers say: `set-full` (an element twice in one read is invalid,
//! one that nobody added is not looked at), `linearizable` over knossos' `cas-register` (a null read
//! fits any state), the schemas of replies (1.0 is no integer), and `stats` (some operation of each
//! kind has to succeed).

use std::sync::Mutex;

use serde_json::Value;

use crate::support::{TemporaryDirectory, run};

/// How many runs go on at a time.
const PARALLEL: usize = 6;

use Verdict::{Invalid, Valid};

/// What a bench says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Valid,
    Invalid,
}

/// Workload, flags, what the node does, Maelstrom's verdict and eddy's, and what eddy says.
type Row = (&'static str, &'static str, &'static str, Verdict, Verdict, &'static str);

const PARTITION: &str = "--node-count 3 --nemesis partition --nemesis-interval 1";
const ONE: &str = "--node-count 1";
const TWO: &str = "--node-count 2";
const THREE: &str = "--node-count 3";
const TREE: &str = "--node-count 5 --topology tree4";

#[rustfmt::skip]
const ROWS: [Row; 44] = [
    ("echo", ONE, "echo", Valid, Valid, ""),
    ("echo", TWO, "echo numbered", Valid, Valid, ""),
    ("echo", ONE, "echo replies-twice", Valid, Valid, ""),
    ("echo", ONE, "echo shouts", Invalid, Invalid, "echoes are not what was sent"),
    ("echo", ONE, "echo errors", Invalid, Invalid, "echoes were refused with an error"),
    ("echo", ONE, "echo silent", Invalid, Invalid, "not one echo succeeded"),
    // Stricter on purpose: a stray line is a mistake that other readers of stdout do not forgive.
    ("echo", ONE, "echo chatty", Valid, Invalid, "did you print to stdout?"),
    // Of two objects on a line the first counts.
    ("echo", TWO, "echo two-on-a-line", Valid, Valid, ""),

    ("unique-ids", THREE, "unique-ids", Valid, Valid, ""),
    ("unique-ids", THREE, "unique-ids numbers", Valid, Valid, ""),
    ("unique-ids", THREE, "unique-ids pairs", Valid, Valid, ""),
    ("unique-ids", THREE, "unique-ids own-count", Invalid, Invalid, "given out more than once"),
    // 1 and 1.0 are two ids.
    ("unique-ids", TWO, "unique-ids floats-here", Valid, Valid, ""),

    ("broadcast", THREE, "broadcast", Valid, Valid, ""),
    ("broadcast", TREE, "broadcast tree retries", Valid, Valid, ""),
    ("broadcast", PARTITION, "broadcast retries", Valid, Valid, ""),
    ("broadcast", PARTITION, "broadcast", Invalid, Invalid, "were there and are gone"),
    ("broadcast", THREE, "broadcast keeps-to-itself", Invalid, Invalid, "were there and are gone"),
    ("broadcast", THREE, "broadcast forgets-some", Invalid, Invalid, "the first element that was lost: 3"),
    ("broadcast", THREE, "broadcast floats", Invalid, Invalid, "were there and are gone"),
    ("broadcast", ONE, "broadcast lists-twice", Invalid, Invalid, "came twice in one read"),
    ("broadcast", THREE, "broadcast invents", Valid, Valid, ""),

    ("g-set", THREE, "g-set", Valid, Valid, ""),
    ("g-set", PARTITION, "g-set", Valid, Valid, ""),
    ("g-set", THREE, "g-set keeps-to-itself", Invalid, Invalid, "were there and are gone"),
    ("g-set", THREE, "g-set replaces", Invalid, Invalid, "were there and are gone"),
    ("g-set", ONE, "g-set floats", Invalid, Invalid, "were there and are gone"),

    ("g-counter", THREE, "counter", Valid, Valid, ""),
    ("g-counter", THREE, "counter keeps-to-itself", Invalid, Invalid, "a sum that cannot be"),
    ("pn-counter", THREE, "counter", Valid, Valid, ""),
    ("pn-counter", THREE, "counter one-count", Invalid, Invalid, "a sum that cannot be"),
    ("pn-counter", THREE, "counter forgets-minus", Invalid, Invalid, "a sum that cannot be"),
    ("pn-counter", ONE, "counter floats", Invalid, Invalid, "a sum that cannot be"),
    ("pn-counter", TWO, "seq-counter", Valid, Valid, ""),

    ("lin-kv", ONE, "store", Valid, Valid, ""),
    ("lin-kv", THREE, "store", Valid, Valid, ""),
    ("lin-kv", ONE, "store null-if-missing", Valid, Valid, ""),
    ("lin-kv", THREE, "proxy", Valid, Valid, ""),
    ("lin-kv", THREE, "proxy caches", Invalid, Invalid, "not linearizable"),
    ("lin-kv", THREE, "store each-its-own", Invalid, Invalid, "not linearizable"),
    ("lin-kv", ONE, "store cas-blindly", Invalid, Invalid, "not linearizable"),
    ("lin-kv", ONE, "store floats", Invalid, Invalid, "Nobody had tried to write"),
    // Stricter on purpose: Maelstrom takes null for "anything".
    ("lin-kv", ONE, "store null-once", Valid, Invalid, "read null"),
    // A request handed on in the name of the client, whom the leader answers.
    ("lin-kv", THREE, "store in-its-name", Valid, Valid, ""),
];

/// Runs a row and says what is not as the table says.
fn complaint(&(workload, flags, does, _, expected, says): &Row, store: &str) -> Option<String> {
    let node = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/nodes/demo.py");
    let mut args = vec!["test", "-w", workload, "--bin", node, "--time-limit", "3", "--rate", "50"];
    args.extend(["--recovery-time", "2", "--seed", "1", "--store", store, "--json"]);
    args.extend(flags.split(' '));
    args.push("--");
    args.extend(does.split(' '));
    let (_, stdout, stderr) = run(&args);
    let results: Value = serde_json::from_str(&stdout).unwrap_or_default();
    let found = match results["valid?"].as_bool() {
        Some(true) => Some(Valid),
        Some(false) => Some(Invalid),
        None => None,
    };
    let causes = results["verdict"]["causes"].to_string();
    (found != Some(expected) || !causes.contains(says)).then(|| {
        format!("{workload} {flags} -- {does}: {found:?} and not {expected:?}, {causes}{stderr}")
    })
}

#[test]
fn eddy_says_of_demos_what_maelstrom_says_or_more_and_why() {
    for (workload, _, does, maelstrom, eddy, _) in &ROWS {
        assert!(*maelstrom == Valid || *eddy == Invalid, "{workload} {does}: more lenient");
    }
    let directory = TemporaryDirectory::new("demos");
    let store = directory.path().to_str().expect("the path is UTF-8");
    let (rows, complaints) = (Mutex::new(ROWS.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for index in 0..PARALLEL {
            let (rows, complaints) = (&rows, &complaints);
            scope.spawn(move || {
                // Runs that begin in the same moment would want the same directory.
                let store = format!("{store}/{index}");
                loop {
                    let Some(row) = rows.lock().expect("no panic").next() else { return };
                    let complaint = complaint(row, &store);
                    complaints.lock().expect("no panic").extend(complaint);
                }
            });
        }
    });
    let complaints = complaints.into_inner().expect("no panic");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
