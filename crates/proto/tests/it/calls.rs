//! Calls to peers and services: exactly one outcome each, a reply, an error or a time-out.

use serde_json::{Value, json};

use crate::process::{Process, from, lines, reply, request, to};

const HOUR_MS: u64 = 3_600_000;

fn ask(id: u64, ms: u64) -> Value {
    request(json!({"type": "ask", "peer": "n2", "ms": ms, "msg_id": id}))
}

/// The number of the call that the process makes next: it is one that no other life of it uses.
fn asked(process: &mut Process, dest: &str, body: Value) -> u64 {
    let call = process.next();
    let number = call["body"]["msg_id"].as_u64().unwrap();
    let mut body = body;
    body["msg_id"] = number.into();
    assert_eq!(call, to(dest, body));
    number
}

fn question(process: &mut Process) -> u64 {
    asked(process, "n2", json!({"type": "question"}))
}

fn answer(peer: &str, in_reply_to: u64) -> Value {
    from(
        peer,
        json!({"type": "question_ok", "answer": 42, "in_reply_to": in_reply_to, "msg_id": 9}),
    )
}

fn outcome(kind: &str, request: u64, id: u64, outcome: &str) -> Value {
    reply(json!({"type": kind, "outcome": outcome, "in_reply_to": request, "msg_id": id}))
}

#[test]
fn a_reply_ends_a_call_once() {
    let mut process = Process::initialised();
    process.send(&ask(1, HOUR_MS));
    let call = question(&mut process);
    // From somebody else; to another question; the answer; the answer again.
    for message in [answer("n3", call), answer("n2", 77), answer("n2", call), answer("n2", call)] {
        process.send(&message);
    }
    assert_eq!(process.next(), outcome("ask_ok", 1, 1, "reply: 42"));
    let remains = process.finish();
    assert_eq!((remains.messages, &*remains.complaints), (vec![], ""));
}

#[test]
fn an_error_ends_a_call() {
    let mut process = Process::initialised();
    process.send(&ask(1, HOUR_MS));
    let call = question(&mut process);
    let error = json!({"type": "error", "code": 11, "text": "later", "in_reply_to": call});
    process.send(&from("n2", error));
    let text = "error: later (error 11, temporarily-unavailable)";
    assert_eq!(process.next(), outcome("ask_ok", 1, 1, text));
}

#[test]
fn a_reply_that_makes_no_sense_is_an_error_of_the_call() {
    let mut process = Process::initialised();
    for (number, body, text) in [
        (1, json!({"type": "question_ok"}), "missing field `answer`"),
        (2, json!({"type": "nonsense_ok"}), "message type `nonsense_ok` is not supported"),
    ] {
        process.send(&ask(number, HOUR_MS));
        let mut body = body;
        body["in_reply_to"] = question(&mut process).into();
        process.send(&from("n2", body));
        let text = format!("error: {text} (error 12, malformed-request)");
        assert_eq!(process.next(), outcome("ask_ok", number, number, &text));
    }
}

#[test]
fn a_call_without_answer_times_out_and_a_late_reply_is_dropped() {
    let mut process = Process::initialised();
    process.send(&ask(1, 20));
    let call = question(&mut process);
    assert_eq!(process.next(), outcome("ask_ok", 1, 1, "timeout"));
    process.send(&answer("n2", call));
    let remains = process.finish();
    assert_eq!((remains.messages, &*remains.complaints), (vec![], ""));
}

#[test]
fn calls_do_not_wait_for_each_other() {
    let mut process = Process::initialised();
    let [first, second, third] = [(1, HOUR_MS), (2, 20), (3, HOUR_MS)].map(|(id, ms)| {
        process.send(&ask(id, ms));
        question(&mut process)
    });
    assert_eq!([second, third], [first + 1, first + 2]);
    assert_eq!(process.next(), outcome("ask_ok", 2, 1, "timeout"));
    process.send(&answer("n2", third));
    assert_eq!(process.next(), outcome("ask_ok", 3, 2, "reply: 42"));
    process.send(&answer("n2", first));
    assert_eq!(process.next(), outcome("ask_ok", 1, 3, "reply: 42"));
}

#[test]
fn services_are_called_like_peers() {
    let mut process = Process::initialised();
    let mut look_up = |number: u64, body: Value, expected: &str| {
        process.send(&request(
            json!({"type": "look_up", "key": "k", "ms": HOUR_MS, "msg_id": number}),
        ));
        let read = asked(&mut process, "lin-kv", json!({"type": "read", "key": "k"}));
        let mut body = body;
        body["in_reply_to"] = read.into();
        process.send(&from("lin-kv", body));
        assert_eq!(process.next(), outcome("look_up_ok", number, number, expected));
    };
    look_up(1, json!({"type": "read_ok", "value": [1, 2]}), "value: [1,2]");
    let missing = json!({"type": "error", "code": 20, "text": "no key"});
    look_up(2, missing, "error: no key (error 20, key-does-not-exist)");
    look_up(3, json!({"type": "write_ok"}), "strange reply: WriteOk");
    let answer = json!({"type": "question_ok", "answer": 1});
    let text = "error: message type `question_ok` is not supported (error 12, malformed-request)";
    look_up(4, answer, text);
}

#[test]
fn timers_are_due_in_the_order_of_their_times() {
    let mut process = Process::initialised();
    let sleep = |(id, ms)| request(json!({"type": "sleep", "ms": ms, "msg_id": id}));
    // In one write, so that they are all set at about the same time.
    process.send_bytes(&lines([(1, 300), (2, 100), (3, 200), (4, 0)].map(sleep)));
    let woken: Vec<_> = (0..4).map(|_| process.next()["body"]["in_reply_to"].clone()).collect();
    assert_eq!(woken, [4, 2, 3, 1]);
}
