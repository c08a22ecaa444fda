//! `eddy check-node`: good nodes pass, and each way to be wrong is explained in plain words.

use std::thread;

use crate::support::{TemporaryDirectory, binaries, run, write_script};

/// An echo node in Python, into which a defect can be put.
const NODE: &str = r#"
import json, sys
out = sys.stdout
def reply(request, body):
    body["in_reply_to"] = request["body"]["msg_id"]
    message = {"src": request["dest"], "dest": request["src"], "body": body}
    print(json.dumps(message), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    kind = request["body"]["type"]
    if kind == "init":
        reply(request, {"type": "init_ok"})
    elif kind == "echo":
        reply(request, {"type": "echo_ok", "echo": request["body"]["echo"]})
"#;

/// Checks `NODE` with one piece of it replaced, and returns the exit status and what was printed.
fn check_with(name: &str, piece: &str, replacement: &str) -> (Option<i32>, String) {
    assert!(NODE.contains(piece), "{piece}");
    let directory = TemporaryDirectory::new(&format!("check-node-{name}"));
    let node = directory.path().join("node");
    let source = NODE.replacen(piece, replacement, 1);
    let source = source.replace('\'', "'\\''");
    write_script(&node, &format!("unset PYTHONUNBUFFERED\nexec python3 -c '{source}'"));
    let node = node.to_str().expect("the path is UTF-8");
    let (status, stdout, stderr) = run(&["check-node", node, "-w", "echo", "--timeout", "1"]);
    assert_eq!(stderr, "");
    (status, stdout)
}

#[test]
fn a_plain_node_in_python_has_no_mistakes_but_odd_input_stops_it() {
    let (status, stdout) = check_with("plain", "\n", "\n");
    assert_eq!(status, Some(0), "{stdout}");
    assert!(stdout.starts_with("ok       init: init_ok\nok       echo {echo: "), "{stdout}");
    assert!(stdout.contains("warning  a line that is no JSON: the node died of it"), "{stdout}");
    assert!(stdout.lines().last().is_some_and(|last| last.starts_with("0 mistakes, ")));
}

#[test]
fn every_mistake_is_explained() {
    let reply = r#"reply(request, {"type": "echo_ok", "echo": request["body"]["echo"]})"#;
    let twice = format!("{reply}; {reply}");
    let cases: [[&str; 4]; 18] = [
        ["type", "echo_ok", "echo_okay", "its type is `echo_okay` and should be `echo_ok`"],
        ["no-reference", r#"["in_reply_to"]"#, r#"["inReplyTo"]"#, "has no `in_reply_to`"],
        [
            "reference",
            r#"request["body"]["msg_id"]"#,
            "77",
            "`in_reply_to` is 77 and should be 1, the `msg_id` of the request",
        ],
        [
            "extra-key",
            r#""type": "echo_ok", "#,
            r#""type": "echo_ok", "ok": True, "#,
            "`ok` does not belong into `echo_ok`",
        ],
        ["no-field", r#", "echo": request"#, r#", "Echo": request"#, "`Echo` does not belong"],
        ["value", r#"request["body"]["echo"]}"#, "1}", "`echo` is not what was sent"],
        ["src", r#""src": request["dest"]"#, r#""src": "n7""#, "`src` is `n7` and should be"],
        ["dest", r#""dest": request["src"]"#, r#""dest": "c9""#, "`dest` is `c9`, which is nobody"],
        [
            "to-itself",
            r#""dest": request["src"]"#,
            r#""dest": request["dest"]"#,
            "the node sends its answer to itself",
        ],
        ["print", reply, r#"print("got it", flush=True)"#, "did you print to stdout?"],
        ["flush", ", flush=True", "", "the node does not flush stdout"],
        [
            "newline",
            "print(json.dumps(message), flush=True)",
            "print(json.dumps(message), end=\"\", flush=True)",
            "write a newline after every message",
        ],
        ["silence", reply, "pass", "no answer in time"],
        ["twice", reply, &twice, "2 answers to one request"],
        ["death", reply, "sys.exit(3)", "the node ended with exit status: 3"],
        ["crash", reply, "request.nonsense", "(stderr) AttributeError"],
        [
            "error",
            reply,
            r#"reply(request, {"type": "error", "code": 13, "text": "no"})"#,
            "it is an error",
        ],
        [
            "top-level",
            r#"{"src": request"#,
            r#"{"type": 1, "src": request"#,
            "unknown field `type`",
        ],
    ];
    // Most of the time goes by with waiting.
    thread::scope(|scope| {
        for cases in cases.chunks(5) {
            scope.spawn(move || {
                for [name, piece, replacement, says] in cases {
                    let (status, stdout) = check_with(name, piece, replacement);
                    assert_eq!(status, Some(1), "{name}: {stdout}");
                    let explained = stdout.contains("MISTAKE  ") && stdout.contains(says);
                    assert!(explained, "{name}: {stdout}");
                }
            });
        }
    });
}

/// It sends itself a request, under a number that its client has used as well, answers that, and only
/// then its client.
#[test]
fn a_node_may_send_messages_to_itself() {
    let reply = r#"reply(request, {"type": "echo_ok", "echo": request["body"]["echo"]})"#;
    let later = r#"asked = request
        body = {"type": "note", "msg_id": asked["body"]["msg_id"]}
        print(json.dumps({"src": "n0", "dest": "n0", "body": body}), flush=True)
    elif kind == "note":
        reply(request, {"type": "note_ok"})
        reply(asked, {"type": "echo_ok", "echo": asked["body"]["echo"]})"#;
    let (status, stdout) = check_with("notes", reply, later);
    assert_eq!(status, Some(0), "{stdout}");
    assert!(stdout.contains("ok       echo {"), "{stdout}");
}

/// As stores do that have to elect a leader first.
#[test]
fn a_node_that_cannot_answer_yet_is_asked_again() {
    let reply = r#"reply(request, {"type": "echo_ok", "echo": request["body"]["echo"]})"#;
    let refuse = r#"reply(request, {"type": "error", "code": 11, "text": "no leader"})"#;
    let at_first = format!(r#"{refuse} if request["body"]["msg_id"] < 4 else {reply}"#);
    let (status, stdout) = check_with("not-yet", reply, &at_first);
    assert_eq!(status, Some(0), "{stdout}");
    assert!(stdout.contains("ok       echo {"), "{stdout}");
    // Alone it may never have a leader, which is no mistake.
    let (status, stdout) = check_with("never", reply, refuse);
    assert_eq!(status, Some(0), "{stdout}");
    let says = "it is error 11 (temporarily-unavailable) for 5 s, so nothing more can be said";
    assert!(stdout.contains("warning  echo {") && stdout.contains(says), "{stdout}");
}

/// A node whose child has a group and a session of its own, and keeps its pipes.
#[test]
fn nothing_that_a_node_has_started_outlives_its_examination() {
    let directory = TemporaryDirectory::new("check-node-children");
    let node = directory.path().join("node");
    let numbers = directory.path().join("numbers");
    let script = format!(
        "setsid sh -c 'echo $$ >> {}; exec sleep 600' &\nexec python3 -c '{NODE}'",
        numbers.display()
    );
    write_script(&node, &script);
    let (status, stdout, _) = run(&["check-node", node.to_str().unwrap(), "-w", "echo"]);
    assert_eq!(status, Some(0), "{stdout}");
    let numbers = std::fs::read_to_string(numbers).unwrap();
    assert!(numbers.lines().count() > 1, "a node is started more than once: {numbers}");
    for number in numbers.lines() {
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    }
}

#[test]
fn the_directory_of_a_run_is_there_and_empty_each_time() {
    let directory = TemporaryDirectory::new("check-node-run");
    let node = directory.path().join("node");
    let script = format!(
        "test -d \"$1/\" && test -z \"$(ls \"$1\")\" || exit 9\ntouch \"$1/file\"\nexec python3 -c '{NODE}'"
    );
    write_script(&node, &script);
    let args = ["check-node", node.to_str().unwrap(), "-w", "echo", "--", "{run}"];
    let (status, stdout, stderr) = run(&args);
    assert_eq!(status, Some(0), "{stdout}{stderr}");
}

#[test]
fn our_own_nodes_have_no_mistakes_and_not_even_warnings() {
    let bin = |name: &str| binaries().join(name).to_str().expect("UTF-8").to_owned();
    for (node, workload) in
        [("identifier", "unique-ids"), ("gossiper", "broadcast"), ("consensus", "lin-kv")]
    {
        let (status, stdout, _) = run(&["check-node", &bin(node), "-w", workload, "--strict"]);
        assert_eq!(status, Some(0), "{node}: {stdout}");
        assert!(stdout.ends_with("0 mistakes, 0 warnings\n"), "{node}: {stdout}");
    }
}

#[test]
fn a_program_that_cannot_be_run_is_no_node() {
    let (status, stdout, stderr) = run(&["check-node", "/nowhere/node"]);
    assert_eq!((status, stdout.as_str()), (Some(2), ""));
    assert!(stderr.starts_with("eddy: ") && stderr.contains("/nowhere/node"), "{stderr}");
}
