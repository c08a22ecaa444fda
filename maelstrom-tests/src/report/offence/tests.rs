use serde_json::{Value, json};

use super::*;

fn run(history: &str, messages: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(crate::history::FILE), history).unwrap();
    std::fs::write(directory.path().join(Journal::FILE), messages).unwrap();
    directory
}

fn find(directory: &tempfile::TempDir, results: Value) -> Option<Offence> {
    let run_dir = directory.path();
    let results: Results = serde_json::from_value(results).unwrap();
    let gathered = Gathered::read(run_dir, &results).unwrap();
    Offence::find(gathered.evidence(run_dir, &results)).unwrap()
}

#[test]
fn what_came_twice_is_shown_with_both_operations_and_the_messages_of_one() {
    let directory = run(
        r#"{"index":0,"time":1000000,"process":0,"type":"invoke","f":"draw","value":null}
{"index":1,"time":2000000,"process":0,"type":"ok","f":"draw","value":"a"}
{"index":2,"time":3000000,"process":1,"type":"invoke","f":"draw","value":null}
{"index":3,"time":5000000,"process":1,"type":"ok","f":"draw","value":"a"}
"#,
        r#"{"time":1000000,"id":0,"event":"send","src":"c1","dest":"n1","body":{"type":"draw","msg_id":1}}
{"time":2000000,"id":3,"event":"send","src":"n1","dest":"c1","body":{"type":"draw_ok","card":"a","in_reply_to":1}}
{"time":2000000,"id":3,"event":"recv","src":"n1","dest":"c1","body":{"type":"draw_ok","card":"a","in_reply_to":1}}
{"time":3000000,"id":1,"event":"send","src":"c2","dest":"n2","body":{"type":"draw","msg_id":1}}
{"time":4000000,"id":2,"event":"send","src":"n2","dest":"c2","body":{"type":"draw_ok","card":"a","in_reply_to":1}}
{"time":5000000,"id":2,"event":"recv","src":"n2","dest":"c2","body":{"type":"draw_ok","card":"a","in_reply_to":1}}
"#,
    );
    let lead = json!({"text": "\"a\" was given out 2 times.", "time": 3_000_000,
        "operations": [{"invoked": 0, "what": "draw → \"a\""}, {"invoked": 2, "what": "again"}],
        "clue": {"repeated": {"value": "a", "times": 2, "at-once": false}}});
    let offence = find(&directory, json!({"valid?": false, "lead": lead})).unwrap();
    assert_eq!(offence.text, "\"a\" was given out 2 times: by n1 at 0.002 s and by n2 at 0.004 s.");
    let what: Vec<_> = offence.operations.iter().map(|step| step.what.as_str()).collect();
    assert_eq!(what, ["draw → \"a\"", "again"]);
    let who: Vec<_> = offence.messages.iter().map(|step| step.who.as_str()).collect();
    assert_eq!(who, ["c2 → n2", "n2 → c2"]);
    assert!(find(&directory, json!({"valid?": true})).is_none());
}

/// Of two that were asked the same at the same time, and answered the same.
#[test]
fn the_messages_of_an_operation_are_those_of_the_node_that_its_client_asks() {
    let history = [0, 1].map(|process| {
        let event = |index, kind, value| {
            format!(
                r#"{{"index":{index},"time":5,"process":{process},"type":"{kind}","f":"read","value":{value}}}"#
            )
        };
        [event(process, "invoke", "null"), event(process + 2, "ok", "[1]")]
    });
    let [[first, first_end], [second, second_end]] = history;
    let message = |id, event, from, to, body| {
        format!(
            r#"{{"time":5,"id":{id},"event":"{event}","src":"{from}","dest":"{to}","body":{body}}}"#
        )
    };
    let asked = r#"{"type":"read","msg_id":1}"#;
    let answer = r#"{"type":"read_ok","messages":[1],"in_reply_to":1}"#;
    let mut messages = Vec::new();
    for (id, client, node) in [(0, "c1", "n0"), (2, "c2", "n1")] {
        messages.push(message(id, "send", client, node, asked));
        messages.push(message(id + 1, "send", node, client, answer));
        messages.push(message(id + 1, "recv", node, client, answer));
    }
    let directory = run(&[first, second, first_end, second_end].join("\n"), &messages.join("\n"));
    for (invoked, whom) in [(0, "c1 → n0"), (1, "c2 → n1")] {
        let lead = json!({"text": "It is wrong.", "time": 5,
            "operations": [{"invoked": invoked, "what": "read"}], "clue": "fault"});
        let options = json!({"concurrency": 2, "nodes": ["n0", "n1"]});
        let results = json!({"valid?": false, "lead": lead, "options": options});
        let offence = find(&directory, results).unwrap();
        assert_eq!(offence.messages[0].who, whom);
    }
}

#[test]
fn a_dead_node_is_shown_with_the_end_of_its_log() {
    let directory = run("", "");
    std::fs::create_dir(directory.path().join("node-logs")).unwrap();
    std::fs::write(directory.path().join("node-logs/n1.log"), "1\n2\n3\n4\n5\npanic\n").unwrap();
    let results = json!({"valid?": false,
        "problems": [{"node": "n1", "time": 9, "kind": "died", "text": "exited with 101", "count": 1}]});
    let offence = find(&directory, results).unwrap();
    assert_eq!(offence.text, "n1: exited with 101");
    assert_eq!(offence.log, ["2", "3", "4", "5", "panic"]);
}

/// A node that was asked twice, and between the answers lost what it knew; the fault is on at the second
/// time, not at the first.
fn asked_twice_with(fault: &str, messages_between: &str) -> tempfile::TempDir {
    run(
        &format!(
            r#"{{"index":0,"time":1000000,"process":0,"type":"invoke","f":"put","value":7}}
{{"index":1,"time":3000000,"process":0,"type":"ok","f":"put","value":7}}
{{"index":2,"time":4000000,"process":"nemesis","type":"info","f":"start-{fault}","value":["n1"]}}
{{"index":3,"time":9000000,"process":1,"type":"invoke","f":"take","value":null}}
{{"index":4,"time":9500000,"process":1,"type":"ok","f":"take","value":8}}
"#
        ),
        &format!(
            r#"{{"time":1000000,"id":0,"event":"send","src":"c1","dest":"n0","body":{{"type":"put","key":"k","msg_id":1}}}}
{{"time":1000000,"id":0,"event":"recv","src":"c1","dest":"n0","body":{{"type":"put","key":"k","msg_id":1}}}}
{messages_between}{{"time":3000000,"id":9,"event":"send","src":"n0","dest":"c1","body":{{"type":"put_ok","in_reply_to":1}}}}
{{"time":3000000,"id":9,"event":"recv","src":"n0","dest":"c1","body":{{"type":"put_ok","in_reply_to":1}}}}
"#
        ),
    )
}

#[test]
fn what_was_acknowledged_and_is_gone_is_blamed_on_the_kill_of_who_dealt_with_it() {
    let handed = r#"{"time":1500000,"id":1,"event":"send","src":"n0","dest":"n1","body":{"type":"put","key":"k","msg_id":1}}
{"time":2000000,"id":1,"event":"recv","src":"n0","dest":"n1","body":{"type":"put","key":"k","msg_id":1}}
"#;
    let why = |fault: &str, between: &str, is_gone: bool| {
        let lead = json!({"text": "It is gone.", "time": 9_000_000,
            "operations": [{"invoked": 0, "what": "put"}, {"invoked": 3, "what": "take"}],
            "clue": {"not-kept": {"key": "k", "is-gone": is_gone}}});
        let directory = asked_twice_with(fault, between);
        find(&directory, json!({"valid?": false, "lead": lead})).unwrap().why
    };
    assert_eq!(
        why("kill", handed, true),
        "n0 acknowledged it at 0.003 s for n1, which was killed at 0.004 s: it did not keep it."
    );
    assert_eq!(
        why("lose-unsynced", handed, true),
        "n0 acknowledged it at 0.003 s for n1, which lost its power at 0.004 s: it had not synced it."
    );
    assert_eq!(
        why("kill", handed, false),
        "In between, at 0.004 s, n1, which n0 had asked for the first, was killed, and may have forgotten it."
    );
    // Who was killed had nothing to do with it.
    assert!(why("kill", "", true).starts_with("At that time `kill` was on"));
    assert!(why("pause", handed, true).starts_with("At that time `pause` was on"));
}

/// The partition that was on when it was seen need not be why: before, a node was killed.
#[test]
fn all_faults_are_named_that_may_have_to_do_with_it() {
    let history = r#"{"index":0,"time":1000000,"process":"nemesis","type":"info","f":"start-kill","value":["n2"]}
{"index":1,"time":2000000,"process":"nemesis","type":"info","f":"stop-kill","value":null}
{"index":2,"time":3000000,"process":0,"type":"invoke","f":"put","value":7}
{"index":3,"time":3500000,"process":0,"type":"ok","f":"put","value":7}
{"index":4,"time":4000000,"process":"nemesis","type":"info","f":"start-kill","value":["n1"]}
{"index":5,"time":5000000,"process":"nemesis","type":"info","f":"stop-kill","value":null}
{"index":6,"time":6000000,"process":"nemesis","type":"info","f":"start-pause","value":["n3"]}
{"index":7,"time":9000000,"process":1,"type":"invoke","f":"take","value":null}
{"index":8,"time":10000000,"process":1,"type":"ok","f":"take","value":8}
"#;
    let directory = run(history, "");
    let why = |clue: &str, time: u64, invoked: &[u64]| {
        let shown: Vec<_> =
            invoked.iter().map(|index| json!({"invoked": index, "what": "put"})).collect();
        let lead = json!({"text": "It is old.", "time": time, "operations": shown, "clue": clue});
        find(&directory, json!({"valid?": false, "lead": lead})).unwrap().why
    };
    assert_eq!(
        why("fault", 9_000_000, &[2, 7]),
        "Since the first of it these faults were on: `pause`, n3, from 0.006 s to 0.010 s; `kill`, n1, from \
         0.004 s to 0.005 s."
    );
    assert_eq!(
        why("fault", 5_500_000, &[7]),
        "Until then these faults were on: `kill`, n1, from 0.004 s to 0.005 s; `kill`, n2, from 0.001 s to \
         0.002 s."
    );
    assert_eq!(why("fault", 3_600_000, &[2, 2]), "");
    assert_eq!(why("none", 9_000_000, &[2, 7]), "");
}

/// A sum of 4 where 2 were added: what another node told came twice.
#[test]
fn a_sum_that_is_too_large_is_explained_by_what_came_twice_and_not_by_what_was_missed() {
    let history = r#"{"index":0,"time":1000000,"process":0,"type":"invoke","f":"add","value":2}
{"index":1,"time":2000000,"process":0,"type":"ok","f":"add","value":2}
{"index":2,"time":9000000,"process":1,"type":"invoke","f":"read","value":null}
{"index":3,"time":9500000,"process":1,"type":"ok","f":"read","value":4}
"#;
    let line = |time: u64, id: u64, event: &str, ends: (&str, &str), body: &str| {
        let (src, dest) = ends;
        format!(
            r#"{{"time":{time},"id":{id},"event":"{event}","src":"{src}","dest":"{dest}","body":{body}}}"#
        )
    };
    let (client, told) = (("c1", "n1"), ("n1", "n0"));
    let sent_again = |second: u64, answer: &str| {
        [
            line(1_000_000, 0, "send", client, r#"{"type":"add","delta":2,"msg_id":1}"#),
            line(2_000_000, 1, "send", ("n1", "c1"), r#"{"type":"add_ok","in_reply_to":1}"#),
            line(3_000_000, 2, "send", told, r#"{"type":"inc","d":2,"msg_id":5}"#),
            line(4_000_000, 2, "recv", told, r#"{"type":"inc","d":2,"msg_id":5}"#),
            line(4_000_000, 3, "send", ("n0", "n1"), r#"{"type":"inc_ok","in_reply_to":5}"#),
            line(5_000_000, 3, answer, ("n0", "n1"), r#"{"type":"inc_ok","in_reply_to":5}"#),
            line(6_000_000, second, "send", told, r#"{"type":"inc","d":2,"msg_id":6}"#),
            line(7_000_000, second, "recv", told, r#"{"type":"inc","d":2,"msg_id":6}"#),
            line(7_000_000, 7, "send", told, r#"{"type":"inc","d":9,"msg_id":8}"#),
            line(7_000_000, 7, "lost", told, r#"{"type":"inc","d":9,"msg_id":8}"#),
            line(9_000_000, 8, "send", ("c2", "n0"), r#"{"type":"read","msg_id":1}"#),
            line(
                9_500_000,
                9,
                "send",
                ("n0", "c2"),
                r#"{"type":"read_ok","value":4,"in_reply_to":1}"#,
            ),
        ]
        .join("\n")
    };
    let why = |messages: &str| {
        let lead = json!({"text": "It is wrong.", "time": 9_000_000,
            "operations": [{"invoked": 2, "what": "read"}],
            "clue": {"sum": {"got": 4, "message": "add", "field": "delta"}}});
        find(&run(history, messages), json!({"valid?": false, "lead": lead})).unwrap().why
    };
    let twice = "`inc {\"d\":2}` from n1 came to n0 at 0.004 s and again at 0.007 s, because it was sent \
                 again: does n0 count it twice?";
    assert_eq!(why(&sent_again(6, "lost")), twice);
    // Where the first was answered, the second is another addition.
    let missed =
        "The last message that n0 missed: `inc` from n1 to n0, sent at 0.007 s, was lost (lost).";
    assert_eq!(why(&sent_again(6, "recv")), missed);
}

#[test]
fn a_stale_read_tells_whether_its_node_asked_another() {
    let history = r#"{"index":0,"time":1000000,"process":0,"type":"invoke","f":"read","key":0}
{"index":1,"time":5000000,"process":0,"type":"ok","f":"read","key":0,"value":1}
"#;
    let why = |between: &str| {
        let messages = format!(
            r#"{{"time":1000000,"id":0,"event":"send","src":"c1","dest":"n1","body":{{"type":"read","key":0,"msg_id":1}}}}
{between}{{"time":5000000,"id":1,"event":"send","src":"n1","dest":"c1","body":{{"type":"read_ok","value":1,"in_reply_to":1}}}}
"#
        );
        let lead = json!({"text": "It is stale.", "time": 1_000_000,
            "operations": [{"invoked": 0, "what": "read 0"}], "clue": {"stale": {"key": 0}}});
        find(&run(history, &messages), json!({"valid?": false, "lead": lead})).unwrap().why
    };
    let alone = "n1 answered it without asking another node, and no message about this key was on its way to it.";
    assert_eq!(why(""), alone);
    let asks = r#"{"time":2000000,"id":2,"event":"send","src":"n1","dest":"n0","body":{"type":"ask","msg_id":7}}
{"time":3000000,"id":2,"event":"recv","src":"n1","dest":"n0","body":{"type":"ask","msg_id":7}}
"#;
    assert_eq!(why(asks), "n1 answered it; no message about this key was on its way to it.");
    // What others say meanwhile is no question of its own.
    let other = asks.replace("n1", "n2");
    assert_eq!(why(&other), alone);
}

#[test]
fn a_node_that_had_died_before_comes_before_what_was_lost() {
    let lead = json!({"text": "2 was lost.", "time": 1000, "operations": [], "clue": "none"});
    let died = |time: u64| {
        let problem =
            json!({"node": "n1", "time": time, "kind": "died", "text": "it panicked", "count": 1});
        let results =
            json!({"valid?": false, "lead": lead, "problems": [problem], "time-zero": 500});
        find(&run("", ""), results).unwrap().text
    };
    assert_eq!(died(1400), "n1: it panicked");
    assert_eq!(died(1600), "2 was lost.");
}

#[test]
fn answers_most_of_which_cannot_be_read_come_before_what_is_missing() {
    let lead =
        json!({"text": "1 was never polled.", "time": 1000, "operations": [], "clue": "none"});
    let offence = |ok: u64| {
        let text = "its answer to `poll` is malformed: `msgs`: invalid type";
        let problem = |node: &str, count: u64| json!({"node": node, "time": 9, "kind": "malformed-reply", "text": text, "count": count});
        let outcomes =
            json!({"valid?": true, "count": 20, "ok-count": ok, "fail-count": 0, "info-count": 0});
        let results = json!({"valid?": false, "lead": lead,
            "problems": [problem("n1", 7), problem("n2", 4)],
            "stats": {"valid?": true, "count": 20, "ok-count": ok, "fail-count": 0, "info-count": 0,
                "by-f": {"poll": outcomes}}});
        find(&run("", ""), results).unwrap()
    };
    let malformed = offence(9);
    assert_eq!(malformed.text, "n1: its answer to `poll` is malformed: `msgs`: invalid type");
    assert_eq!(malformed.why, "Of 20 poll operations 11 came to nothing by such answers.");
    assert_eq!(offence(12).text, "1 was never polled.");
}

#[test]
fn a_function_that_never_succeeded_is_shown_by_its_first_operation() {
    let directory = run(
        r#"{"index":0,"time":1,"process":0,"type":"invoke","f":"read","key":1,"value":null}
{"index":1,"time":2,"process":0,"type":"fail","f":"read","key":1,"value":null,"error":["key-does-not-exist","no"]}
{"index":2,"time":3,"process":0,"type":"invoke","f":"swap","key":1,"value":[1,2]}
{"index":3,"time":4,"process":0,"type":"info","f":"swap","key":1,"value":[1,2],"error":"net-timeout"}
"#,
        "",
    );
    let results = json!({"valid?": false, "stats": {"by-f": {"swap": {"valid?": false}}}});
    let offence = find(&directory, results).unwrap();
    assert_eq!(offence.operations[0].what, "swap 1 = [1,2]");
    assert!(offence.operations[0].end.starts_with("info \"net-timeout\" after"));
    let sentence =
        "Not one swap succeeded: none was answered in time; does the node know that message?";
    assert_eq!(offence.text, sentence);
}

#[test]
fn a_run_with_nothing_to_look_at_begins_with_its_first_cause() {
    let causes = ["expected p50<400ms, measured 506", "expected msgs-per-op<10, measured 23"];
    let results = |valid: bool, text: &str| -> Results {
        let verdict = json!({"text": "Invalid: something is wrong.", "causes": [text, causes[1]]});
        serde_json::from_value(json!({"valid?": valid, "verdict": verdict})).unwrap()
    };
    let invalid = results(false, causes[0]);
    assert_eq!(Offence::first_sentence(None, Words(&invalid)), causes[0]);
    assert_eq!(Offence::other_causes(None, Words(&invalid)), [causes[1]]);
    let valid = results(true, causes[0]);
    assert_eq!(Offence::first_sentence(None, Words(&valid)), "Invalid: something is wrong.");
    // What is long is cut in one place after other characters than in the other.
    let long = "x".repeat(5000);
    let lead = json!({"text": "y", "time": 0, "operations": [], "clue": "fault"});
    let offence = find(&run("", ""), json!({"valid?": false, "lead": lead})).unwrap();
    let offence = Offence { text: long.clone(), ..offence };
    let told = Offence::other_causes(Some(&offence), Words(&results(false, &long)));
    assert_eq!(told, [causes[1]]);
}
