//! Calls to peers and services: exactly one outcome each, a reply, an error or a time-out.

use serde_json::{Value, json};

use crate::process::{Process, from, lines, reply, request, to};

const HOUR_MS: u64 = 3_600_000;

fn ask(id: u64, ms: u64) -> Value {
    request(json!({"type": "ask", "peer": "n2", "ms": ms, "msg_id": id}))
}

fn question(id: u64) -> Value {
    to("n2", json!({"type": "question", "msg_id": id}))
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
    assert_eq!(process.next(), question(1));
    // From somebody else; to another question; the answer; the answer again.
    for message in [answer("n3", 1), answer("n2", 77), answer("n2", 1), answer("n2", 1)] {
        process.send(&message);
    }
    assert_eq!(process.next(), outcome("ask_ok", 1, 2, "reply: 42"));
    let remains = process.finish();
    assert_eq!((remains.messages, &*remains.complaints), (vec![], ""));
}

#[test]
fn an_error_ends_a_call() {
    let mut process = Process::initialised();
    process.send(&ask(1, HOUR_MS));
    assert_eq!(process.next(), question(1));
    let error = json!({"type": "error", "code": 11, "text": "later", "in_reply_to": 1});
    process.send(&from("n2", error));
    let text = "error: later (error 11, temporarily-unavailable)";
    assert_eq!(process.next(), outcome("ask_ok", 1, 2, text));
}

#[test]
fn a_reply_that_makes_no_sense_is_an_error_of_the_call() {
    let mut process = Process::initialised();
    for (number, body, text) in [
        (1, json!({"type": "question_ok"}), "missing field `answer`"),
        (2, json!({"type": "nonsense_ok"}), "message type `nonsense_ok` is not supported"),
    ] {
        process.send(&ask(number, HOUR_MS));
        assert_eq!(process.next(), question(2 * number - 1));
        let mut body = body;
        body["in_reply_to"] = (2 * number - 1).into();
        process.send(&from("n2", body));
        let text = format!("error: {text} (error 12, malformed-request)");
        assert_eq!(process.next(), outcome("ask_ok", number, 2 * number, &text));
    }
}

#[test]
fn a_call_without_answer_times_out_and_a_late_reply_is_dropped() {
    let mut process = Process::initialised();
    process.send(&ask(1, 20));
    assert_eq!(process.next(), question(1));
    assert_eq!(process.next(), outcome("ask_ok", 1, 2, "timeout"));
    process.send(&answer("n2", 1));
    let remains = process.finish();
    assert_eq!((remains.messages, &*remains.complaints), (vec![], ""));
}

#[test]
fn calls_do_not_wait_for_each_other() {
    let mut process = Process::initialised();
    for (id, ms) in [(1, HOUR_MS), (2, 20), (3, HOUR_MS)] {
        process.send(&ask(id, ms));
        assert_eq!(process.next(), question(id));
    }
    assert_eq!(process.next(), outcome("ask_ok", 2, 4, "timeout"));
    process.send(&answer("n2", 3));
    assert_eq!(process.next(), outcome("ask_ok", 3, 5, "reply: 42"));
    process.send(&answer("n2", 1));
    assert_eq!(process.next(), outcome("ask_ok", 1, 6, "reply: 42"));
}

#[test]
fn services_are_called_like_peers() {
    let mut process = Process::initialised();
    let mut look_up = |number: u64, body: Value, expected: &str| {
        process.send(&request(
            json!({"type": "look_up", "key": "k", "ms": HOUR_MS, "msg_id": number}),
        ));
        let read = json!({"type": "read", "key": "k", "msg_id": 2 * number - 1});
        assert_eq!(process.next(), to("lin-kv", read));
        let mut body = body;
        body["in_reply_to"] = (2 * number - 1).into();
        process.send(&from("lin-kv", body));
        assert_eq!(process.next(), outcome("look_up_ok", number, 2 * number, expected));
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
