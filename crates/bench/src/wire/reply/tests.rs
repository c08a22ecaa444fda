use super::*;

fn id(body: &str) -> (Answer, Option<Json>) {
    let mut id = None;
    let answer = read("generate", body, |reply| {
        id = Some(reply.json("id")?);
        Ok(())
    });
    (answer, id)
}

fn flaw(body: &str) -> String {
    let Answer::Malformed(flaw) = id(body).0 else { panic!("{body} is right") };
    flaw
}

#[test]
fn what_came_back_is_taken() {
    let body = r#"{"type":"generate_ok","id":"n1-0","in_reply_to":4,"msg_id":1}"#;
    assert_eq!(id(body), (Answer::Ok, Some(Json::from("n1-0"))));
    let mut list = Vec::new();
    let body = r#"{"in_reply_to":4,"messages":[1,"a",1.0],"type":"read_ok"}"#;
    let answer = read("read", body, |reply| {
        list = reply.read("messages", super::list)?;
        Ok(())
    });
    assert_eq!(answer, Answer::Ok);
    assert_eq!(list[..2], [Json::from(1), Json::from("a")]);
    assert_ne!(list[2], Json::from(1), "a float that comes back is no integer");
}

#[test]
fn bodies_are_cut_up_as_json_is_read() {
    for body in [
        r#"{"type":"read_ok","messages":[1,-2,30],"in_reply_to":4,"msg_id":1}"#,
        r#"{"type":"generate_ok","id":"n1-0","in_reply_to":4}"#,
        r#"{"type":"read_ok","messages":[],"type":"x"}"#,
        r#"{"type":"read_ok","value":0,"in_reply_to":10}"#,
    ] {
        let long: Fields<'_> = serde_json::from_str(body).unwrap();
        assert_eq!(Fields::split(body).unwrap().all, long.all);
    }
    for body in [
        "{}",
        "{",
        "",
        "7",
        r#"{"a":1"#,
        r#"{"a":1,}"#,
        r#"{"a":1}x"#,
        r#"{"a":01}"#,
        r#"{"a":0.0}"#,
        r#"{"a":00}"#,
        r#"{"a":-}"#,
        r#"{"a":[[1]]}"#,
        r#"{"a":["]"]}"#,
        r#"{"a":"\""}"#,
        r#"{"a" :1}"#,
        r#"{"a":1.5}"#,
        r#"{"a":1e}"#,
        r#"{"a":null}"#,
        r#"{"a""b"}"#,
        r#"{"a":1"b":2}"#,
    ] {
        assert!(Fields::split(body).is_none(), "{body}");
    }
    // What is wrong within a list is found when it is read.
    let flaw = read("read", r#"{"type":"read_ok","messages":[1,,2]}"#, |reply| {
        reply.read("messages", super::list).map(drop)
    });
    assert!(matches!(flaw, Answer::Malformed(flaw) if flaw.starts_with("`messages`: ")));
}

/// Whatever the short way takes, the long way takes, and to the same values.
#[test]
fn plain_lists_are_read_as_any_json_is() {
    for text in
        ["[]", "[0]", "[7,-1,0,12345,123456789012345678,-123456789012345678]", "[\"\",\"ä b\",1]"]
    {
        let long: Vec<Json> = serde_json::from_str(text).unwrap();
        let short = plain_list(text).unwrap();
        assert_eq!(short, long);
        assert_eq!(serde_json::to_string(&short).unwrap(), text);
    }
    for text in [
        "[1, 2]",
        "[1,]",
        "[,1]",
        "[-]",
        "[-0]",
        "[01]",
        "[1.0]",
        "[1e3]",
        "[\"1,2\"]",
        "[\"1\"\"2\"]",
        "[\"1\\u0031\"]",
        "[\"]",
        "[[1]]",
        "[12345678901234567890]",
        "[1,null]",
        "7",
        "[",
        "",
    ] {
        assert_eq!(plain_list(text), None, "{text}");
    }
}

#[test]
fn integers_of_every_length_are_read_wherever_they_stand() {
    let mut numbers = vec![0, 9, 10, 99, 100, 9_999_999, 10_000_000, i64::MAX];
    numbers.extend((0..19).flat_map(|digits| [10_i64.pow(digits), 10_i64.pow(digits) - 1]));
    numbers.extend((0..2000).map(|n| n * n * n));
    // What follows a number is a comma, the end, or less than a word.
    for end in 0..numbers.len() {
        let part = &numbers[end.saturating_sub(12)..end];
        let text = serde_json::to_string(part).unwrap();
        let expected: Vec<_> = part.iter().map(|number| Json::from(*number)).collect();
        assert_eq!(plain_list(&text), Some(expected), "{text}");
    }
    for odd in
        ["[1:,1,1,1,1,1]", "[1/,1,1,1,1,1]", "[01,1,1,1,1,1]", "[1é,1,1,1,1,1]", "[,1,1,1,1,1,1]"]
    {
        assert_eq!(plain_list(odd), None, "{odd}");
    }
}

#[test]
fn every_mistake_is_named() {
    for (body, expected) in [
        (r#"{"type":"generate_ok","in_reply_to":1}"#, "`id` is missing"),
        (r#"{"id":1,"in_reply_to":1}"#, "`type` is missing"),
        (r#"{"type":7,"id":1,"in_reply_to":1}"#, "`type` is the integer 7 and should be a string"),
        (
            r#"{"type":"generate","id":1,"in_reply_to":1}"#,
            "its type is `generate` and should be `generate_ok`",
        ),
        (
            r#"{"type":"generate_ok","id":1,"in_reply_to":1,"node":"n1"}"#,
            "`node` does not belong into `generate_ok`",
        ),
        (
            r#"{"type":"generate_ok","id":1,"msg_id":"x"}"#,
            "`msg_id` is the string \"x\" and should be an integer",
        ),
        (r#"{"type":"error","in_reply_to":1,"text":"no"}"#, "`code` is missing"),
        (
            r#"{"type":"error","code":"E"}"#,
            "`code` is the string \"E\" and should be an integer, 0 or more",
        ),
    ] {
        let flaw = flaw(body);
        assert!(flaw.starts_with(expected), "{body}: {flaw}");
    }
    let list = |body| read("read", body, |reply| reply.read("messages", super::list).map(drop));
    let Answer::Malformed(flaw) = list(r#"{"type":"read_ok","messages":7}"#) else { panic!() };
    assert!(flaw.starts_with("`messages` is "), "{flaw}");
}

#[test]
fn errors_need_a_code_and_may_have_more() {
    let body = r#"{"type":"error","code":22,"text":"no","in_reply_to":1,"why":"so"}"#;
    let error = Error::new(ErrorCode::PreconditionFailed, "no");
    assert_eq!(id(body), (Answer::Error(error), None));
}
