//! Values are opaque: any JSON of any size comes back exactly as it came.

use crate::process::{Process, echo, echo_ok, init, init_ok, lines};

/// Sends the text of a JSON value and returns the text that comes back.
fn there_and_back(process: &mut Process, text: &str) -> String {
    let line = format!(
        "{{\"src\":\"c1\",\"dest\":\"n1\",\"body\":{{\"type\":\"echo\",\"echo\":{text},\"msg_id\":5}}}}\n"
    );
    process.send_bytes(line.as_bytes());
    let line = process.next_line();
    let (_, rest) = line.split_once("\"echo\":").unwrap();
    rest.split_once(",\"in_reply_to\":5").unwrap().0.to_owned()
}

#[test]
fn any_value_comes_back_exactly_as_it_came() {
    let mut process = Process::initialised();
    for text in [
        "0",
        "-0",
        "9007199254740993",
        "18446744073709551616",
        "123456789012345678901234567890.10",
        "1.0",
        "1E+400",
        "null",
        "[ ]",
        r#""\u00e9 \ud83d\ude00 \/ é""#,
        r#""\ud800""#,
        "\"\u{2028}\u{7f}\"",
        r#"{"type":"inner","msg_id":1,"in_reply_to":2,"type":"again"}"#,
    ] {
        assert_eq!(there_and_back(&mut process, text), text);
    }
}

#[test]
fn deeply_nested_values_are_no_danger() {
    let mut process = Process::initialised();
    for depth in [100, 200, 100_000] {
        let text = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(there_and_back(&mut process, &text) == text, "depth {depth}");
        let text = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert!(there_and_back(&mut process, &text) == text, "depth {depth}");
    }
    // The same in a field that nobody knows, and in place of a body.
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    process.send_bytes(format!("{{\"src\":\"c1\",\"dest\":\"n1\",\"body\":{deep}}}\n").as_bytes());
    process.send_bytes(
        format!("{{\"x\":{deep},\"src\":\"c1\",\"dest\":\"n1\",\"body\":{{\"x\":{deep},\"type\":\"echo\",\"echo\":1,\"msg_id\":9}}}}\n")
            .as_bytes(),
    );
    let reply = process.next();
    assert_eq!((&reply["body"]["in_reply_to"], &reply["body"]["echo"]), (&9.into(), &1.into()));
}

#[test]
fn a_line_of_10_mb_is_a_line_like_any_other() {
    let large = "x".repeat(10_000_000);
    let mut process = Process::tour(&[]);
    process.send_all(lines([init(1), echo(2, "before"), echo(3, &*large), echo(4, "after")]));
    assert_eq!(process.next(), init_ok(1));
    assert_eq!(process.next(), echo_ok(2, 1, "before"));
    assert!(process.next() == echo_ok(3, 2, large));
    assert_eq!(process.next(), echo_ok(4, 3, "after"));
    assert_eq!(process.finish().code, Some(0));
}
