//! The order of handling is the order of arrival, and nothing overtakes `init`.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::process::{Process, echo, echo_ok, init, init_ok, lines};

#[test]
fn replies_come_in_the_order_of_requests_however_the_input_is_cut() {
    const REQUESTS: u64 = 5_000;
    for seed in 0..3 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let requests = (1..=REQUESTS).map(|number| echo(number, "x".repeat(number as usize % 90)));
        let input = lines(std::iter::once(init(0)).chain(requests));
        let mut process = Process::tour(&[]);
        let mut rest = &*input;
        while !rest.is_empty() {
            let length = match random.random_range(0..4) {
                0 => random.random_range(1..10),
                1 => random.random_range(1..10_000),
                _ => random.random_range(1..200_000),
            };
            let (piece, after) = rest.split_at(length.min(rest.len()));
            process.send_bytes(piece);
            rest = after;
        }
        assert_eq!(process.next(), init_ok(0));
        for number in 1..=REQUESTS {
            let expected = echo_ok(number, number, "x".repeat(number as usize % 90));
            assert_eq!(process.next(), expected, "seed {seed}");
        }
        assert_eq!(process.finish().code, Some(0));
    }
}

#[test]
fn nothing_overtakes_init() {
    // All in one read, so that a node that handles lines side by side is found out.
    for _ in 0..20 {
        let mut process = Process::tour(&[]);
        process.send_all(lines([init(1)].into_iter().chain((2..50).map(|id| echo(id, id)))));
        assert_eq!(process.next(), init_ok(1));
        for number in 2..50 {
            assert_eq!(process.next(), echo_ok(number, number - 1, number));
        }
    }
}

#[test]
fn a_request_alone_on_the_wire_is_answered_at_once() {
    // Nothing else comes, so an answer that waits for more output or more input never comes.
    let mut process = Process::initialised();
    for number in 1..100 {
        process.send(&echo(number, number));
        assert_eq!(process.next(), echo_ok(number, number, number));
    }
}

#[test]
fn the_layout_on_the_wire_is_fixed() {
    let mut process = Process::tour(&[]);
    let mut check = |line: &str, expected: &str| {
        process.send_bytes(format!("{line}\n").as_bytes());
        assert_eq!(process.next_line(), expected);
    };
    check(
        r#"{"body":{"msg_id":1,"type":"echo","echo":1},"dest":"n1","src":"c1"}"#,
        r#"{"src":"n1","dest":"c1","body":{"type":"error","code":11,"text":"this node has not seen `init` yet","in_reply_to":1}}"#,
    );
    check(
        r#"{"id":0,"src":"c0","dest":"n1","body":{"msg_id":1,"type":"init","node_id":"n1","node_ids":["n1"]}}"#,
        r#"{"src":"n1","dest":"c0","body":{"type":"init_ok","in_reply_to":1,"msg_id":0}}"#,
    );
    check(
        r#"{"src":"c1","dest":"n1","body":{"echo":{ "b" : 1, "a" : 2 },"msg_id":7,"type":"echo"}}"#,
        r#"{"src":"n1","dest":"c1","body":{"type":"echo_ok","echo":{ "b" : 1, "a" : 2 },"in_reply_to":7,"msg_id":1}}"#,
    );
    process.send_bytes(b"{\"src\":\"c1\",\"dest\":\"n1\",\"body\":{\"type\":\"ask\",\"peer\":\"n2\",\"ms\":0,\"msg_id\":8}}\n");
    let asked = process.next_line();
    let rest = asked.strip_prefix(r#"{"src":"n1","dest":"n2","body":{"type":"question","msg_id":"#);
    let number = rest.and_then(|rest| rest.strip_suffix("}}")).expect(&asked);
    assert!(number.parse::<u64>().is_ok_and(|number| number < 1 << 53), "{asked}");
}
