//! Bad input never stops a node and never loses a good message after it.

use proto::{Json, Script};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::process::{Process, echo, echo_ok, error, from, init, init_ok, reply, request, to};

#[test]
fn random_bytes_between_two_good_requests_lose_neither() {
    for seed in 0..3 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut process = Process::tour(&[]);
        let mut input = crate::process::lines([init(1), echo(2, "before")]);
        for _ in 0..1_000 {
            let length = random.random_range(0..300);
            let bytes = (0..length).map(|_| random.random::<u8>());
            input.extend(bytes.filter(|byte| *byte != b'\n'));
            input.push(b'\n');
        }
        input.extend(crate::process::lines([echo(3, "after")]));
        process.send_all(input);
        let remains = process.finish();
        let expected = [init_ok(1), echo_ok(2, 1, "before"), echo_ok(3, 2, "after")];
        assert_eq!(remains.messages, expected, "seed {seed}");
        assert_eq!(remains.code, Some(0), "seed {seed}");
        // One complaint a line, in order, by number.
        for (number, complaint) in remains.complaints.lines().enumerate() {
            let expected = format!("line {}: not ", number + 3);
            assert!(complaint.starts_with(&expected), "seed {seed}: {complaint}");
        }
        assert_eq!(remains.complaints.lines().count(), 1_000, "seed {seed}");
    }
}

/// Sends one line and then a good request; returns what came before the answer to that, and the
/// complaints.
fn disturb(line: &[u8]) -> (Vec<Value>, String) {
    let mut process = Process::initialised();
    process.send_bytes(line);
    process.send_bytes(b"\n");
    process.send(&echo(99, "good"));
    let mut remains = process.finish();
    assert_eq!(remains.code, Some(0));
    let last = remains.messages.pop().unwrap();
    assert_eq!((&last["body"]["in_reply_to"], &last["body"]["echo"]), (&99.into(), &"good".into()));
    (remains.messages, remains.complaints)
}

#[test]
fn what_is_no_message_is_one_line_on_stderr_with_its_number_and_the_reason() {
    for (line, reason) in [
        (&b""[..], "not JSON"),
        (b"hello", "not JSON"),
        (b"{\"src\":\"c1\",\"dest\":\"n1\",\"body\":{}", "not JSON"),
        (b"{\"src\":\"c1\",\"dest\":\"n1\",\"body\":{}} {}", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"{\"src\":\"c1\xff\",\"dest\":\"n1\",\"body\":{\"type\":\"echo\"}}", "not UTF-8"),
        (b"17", "not a message"),
        (b"[\"c1\",\"n1\",{\"type\":\"echo\",\"echo\":1,\"msg_id\":2}]", "not a message"),
        (b"{}", "not a message: missing field `src`"),
        (b"{\"src\":\"c1\",\"dest\":\"n1\"}", "not a message: missing field `body`"),
        (b"{\"src\":\"c1\",\"dest\":7,\"body\":{}}", "not a message: invalid type: integer `7`"),
        (b"{\"src\":\"c1\",\"dest\":\"n1\",\"body\":[1]}", "not a message: not an object"),
    ] {
        let (messages, complaints) = disturb(line);
        let line = String::from_utf8_lossy(line);
        assert_eq!(messages, [json!(null); 0], "{line}");
        assert!(complaints.starts_with(&format!("line 2: {reason}")), "{line}: {complaints}");
        assert_eq!(complaints.lines().count(), 1, "{line}: {complaints}");
    }
}

#[test]
fn a_known_envelope_with_a_bad_body_is_answered_with_an_error_that_names_the_field() {
    for (body, code, text) in [
        (json!({"type": "fly", "msg_id": 2}), 10, "message type `fly` is not supported"),
        (json!({"type": "", "msg_id": 2}), 10, "message type `` is not supported"),
        (json!({"msg_id": 2}), 12, "field `type`: not there, or not a string"),
        (json!({"type": null, "msg_id": 2}), 12, "field `type`: not there, or not a string"),
        (json!({"type": ["echo"], "msg_id": 2}), 12, "field `type`: not there, or not a string"),
        (json!({"type": "echo", "msg_id": 2}), 12, "missing field `echo`"),
        (
            json!({"type": "sleep", "msg_id": 2, "ms": "long"}),
            12,
            "field `ms`: invalid type: string \"long\", expected u64",
        ),
        (
            json!({"type": "sleep", "ms": -1, "msg_id": 2}),
            12,
            "field `ms`: invalid value: integer `-1`, expected u64",
        ),
        (
            json!({"type": "ask", "peer": {"id": "n2"}, "ms": 1, "msg_id": 2}),
            12,
            "field `peer`: invalid type: map, expected a node id (a string)",
        ),
        (
            json!({"type": "sleep", "ms": 1, "in_reply_to": "x", "msg_id": 2}),
            12,
            "field `in_reply_to`: invalid type: string \"x\", expected u64",
        ),
    ] {
        let (messages, complaints) = disturb(request(body.clone()).to_string().as_bytes());
        assert_eq!(messages, [error(2, 1, code, text)], "{body}");
        assert_eq!(complaints, "", "{body}");
    }
}

#[test]
fn what_carries_no_number_gets_no_reply_and_what_is_wrong_with_it_is_logged() {
    for (body, complaint) in [
        (json!({"type": "echo", "echo": 1}), ""),
        (json!({"type": "fly"}), "message type `fly` is not supported"),
        (json!({"type": "echo"}), "missing field `echo`"),
        (json!({"type": "echo", "echo": 1, "msg_id": "2"}), "field `msg_id`"),
        (json!({"type": "echo", "echo": 1, "msg_id": -2}), "field `msg_id`"),
        (json!({"type": "init", "node_id": "n1", "node_ids": ["n1"]}), ""),
    ] {
        let (messages, complaints) = disturb(request(body.clone()).to_string().as_bytes());
        assert_eq!(messages, [json!(null); 0], "{body}");
        assert!(complaints.contains(complaint), "{body}: {complaints}");
        assert_eq!(complaints.lines().count(), usize::from(!complaint.is_empty()), "{body}");
    }
}

#[test]
fn replies_that_nobody_waits_for_are_dropped_silently() {
    for body in [
        json!({"type": "echo_ok", "echo": 1, "in_reply_to": 7, "msg_id": 2}),
        json!({"type": "echo_ok", "echo": 1, "msg_id": 2}),
        json!({"type": "fly_ok", "in_reply_to": 7, "msg_id": 2}),
        json!({"type": "fly_ok", "msg_id": 2}),
        json!({"type": "init_ok", "in_reply_to": 7, "msg_id": 2}),
        json!({"type": "error", "code": 11, "text": "no", "in_reply_to": 7, "msg_id": 2}),
        json!({"type": "error", "code": 11, "msg_id": 2}),
        json!({"type": "error", "code": "eleven", "in_reply_to": 7, "msg_id": 2}),
        json!({"type": "echo_ok", "in_reply_to": 7, "msg_id": 2}),
    ] {
        let (messages, complaints) = disturb(request(body.clone()).to_string().as_bytes());
        assert_eq!((messages, &*complaints), (vec![], ""), "{body}");
    }
    let read_ok = json!({"type": "read_ok", "value": 1, "in_reply_to": 7});
    let (messages, complaints) = disturb(from("lin-kv", read_ok).to_string().as_bytes());
    assert_eq!((messages, &*complaints), (vec![], ""));
}

#[test]
fn before_init_everything_else_is_told_to_wait_and_init_ok_is_still_message_0() {
    let mut process = Process::tour(&[]);
    let wait = |id: u64| {
        let text = "this node has not seen `init` yet";
        reply(json!({"type": "error", "code": 11, "text": text, "in_reply_to": id}))
    };
    process.send(&echo(1, 1));
    assert_eq!(process.next(), wait(1));
    process.send(&request(json!({"type": "fly", "msg_id": 2})));
    assert_eq!(process.next(), wait(2));
    process.send(&request(json!({"type": "echo", "msg_id": 3})));
    assert_eq!(process.next(), wait(3));
    // None of these gets an answer.
    process.send(&request(json!({"type": "echo", "echo": 1})));
    process.send(&request(json!({"type": "echo_ok", "echo": 1, "msg_id": 4})));
    process.send(&request(json!({"type": "echo", "echo": 1, "in_reply_to": 1, "msg_id": 5})));
    process.send(&request(json!({"type": "error", "code": 0, "text": "", "msg_id": 6})));
    for (id, (body, text)) in [
        (json!({"node_id": "n1"}), "missing field `node_ids`"),
        (json!({"node_id": 1, "node_ids": []}), "field `node_id`: invalid type: integer `1`"),
        (json!({"node_id": "n1", "node_ids": "n1"}), "field `node_ids`: invalid type: string"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = body;
        (body["type"], body["msg_id"]) = ("init".into(), (id + 10).into());
        process.send(&from("c0", body));
        let reply = process.next();
        assert_eq!((&reply["dest"], &reply["body"]["code"]), (&"c0".into(), &12.into()));
        assert_eq!(reply["body"]["in_reply_to"], id + 10);
        assert_eq!(reply["body"]["msg_id"], Value::Null);
        assert!(reply["body"]["text"].as_str().unwrap().starts_with(text), "{reply}");
    }
    process.send(&init(20));
    assert_eq!(process.next(), init_ok(20));
    process.send(&echo(21, 1));
    assert_eq!(process.next(), echo_ok(21, 1, 1));
}

#[test]
fn a_second_init_is_refused_and_changes_nothing() {
    let mut process = Process::initialised();
    let body = json!({"type": "init", "msg_id": 2, "node_id": "n9", "node_ids": ["n9"]});
    process.send(&from("c0", body));
    let text = "this node has been initialised before";
    let refused = json!({"type": "error", "code": 12, "text": text, "in_reply_to": 2, "msg_id": 1});
    assert_eq!(process.next(), to("c0", refused));
    process.send(&echo(3, 3));
    assert_eq!(process.next(), echo_ok(3, 2, 3));
}

#[test]
fn a_request_that_comes_twice_is_handled_twice() {
    let mut process = Process::initialised();
    process.send(&echo(2, 1));
    process.send(&echo(2, 1));
    assert_eq!([process.next(), process.next()], [echo_ok(2, 1, 1), echo_ok(2, 2, 1)]);
}

#[test]
fn line_ends_of_other_systems_and_blanks_do_not_matter() {
    let mut process = Process::tour(&[]);
    process.send_bytes(format!("{}\r\n\t {}  \r\n", init(1), echo(2, 2)).as_bytes());
    assert_eq!([process.next(), process.next()], [init_ok(1), echo_ok(2, 1, 2)]);
    let remains = process.finish();
    assert_eq!((remains.code, &*remains.complaints), (Some(0), ""));
}

/// Good lines with random changes, in virtual time: whatever comes, the node goes on, and says
/// nothing that is no message.
#[test]
fn mutilated_messages_never_stop_a_node() {
    use proto::{Caller, Context, Node};
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Body {
        Echo { echo: Json },
        EchoOk { echo: Json },
    }
    struct Echo;
    impl Node for Echo {
        type Body = Body;
        type Token = ();
        fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
            if let Body::Echo { echo } = body {
                ctx.reply(&from, Body::EchoOk { echo });
            }
        }
    }

    const PIECES: [&str; 14] = [
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\\u0000",
        "\"type\"",
        "\"msg_id\"",
        "1e999",
        "-",
        "null",
        "é",
    ];
    let seed = 7;
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut script = Script::new(Echo);
    script.init("n1", &["n1"]);
    let mut answered = 0;
    for round in 0..20_000 {
        let mut line = echo(round, json!({"a": [1, 2.5, "x"], "b": null})).to_string();
        for _ in 0..random.random_range(0..4) {
            let places: Vec<_> = line.char_indices().map(|(place, _)| place).collect();
            let from = places[random.random_range(0..places.len())];
            let to = places[random.random_range(0..places.len())].clamp(from, from + 9);
            let to = places.iter().copied().find(|place| *place >= to).unwrap();
            line.replace_range(from..to, PIECES[random.random_range(0..PIECES.len())]);
        }
        for reply in script.line(&line) {
            assert!(
                Json::parse(&reply).is_ok(),
                "seed {seed}, round {round}: {line} gives {reply}"
            );
            answered += 1;
        }
    }
    assert!((5_000..20_000).contains(&answered), "{answered}");
    let last = script.line(&echo(1, "good").to_string());
    assert!(last.concat().contains("\"good\""), "{last:?}");
}
