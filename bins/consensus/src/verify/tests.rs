//! Histories that are linearizable, that are not, and that are none.

use super::*;

fn verify(history: &str) -> Result<Findings, Error> {
    let mut run = VerifyRun::new(&Json::parse(history).unwrap())?;
    std::iter::repeat_with(|| run.work()).find_map(|result| result).unwrap()
}

/// `process type f key value`, one event a line.
fn history(lines: &str) -> String {
    let events: Vec<_> = lines
        .trim()
        .lines()
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let [process, kind, f, key, value] = words[..] else { panic!("{line}") };
            format!(
                r#"{{"process":{process},"type":"{kind}","f":"{f}","key":{key},"value":{value}}}"#
            )
        })
        .collect();
    format!("[{}]", events.join(","))
}

#[test]
fn a_read_may_see_a_write_under_way_but_not_miss_one_that_is_done() {
    let good = "0 invoke write 1 5\n1 invoke read 1 null\n1 ok read 1 5\n0 ok write 1 5";
    assert!(verify(&history(good)).unwrap().linearizable);
    let stale = "0 invoke write 1 5\n0 ok write 1 5\n1 invoke read 1 null\n1 ok read 1 null";
    let found = verify(&history(stale)).unwrap();
    assert!(!found.linearizable);
    assert_eq!(found.violations.len(), 1);
    assert_eq!(found.violations[0].key, 1.into());
    assert!(!found.violations[0].operations.is_empty());
}

#[test]
fn open_and_unknown_operations_may_take_effect_later() {
    let open = "0 invoke write 1 5\n1 invoke read 1 null\n1 ok read 1 null\n\
                1 invoke read 1 null\n1 ok read 1 5";
    assert!(verify(&history(open)).unwrap().linearizable);
    let failed = "0 invoke write 1 5\n0 fail write 1 5\n1 invoke read 1 null\n1 ok read 1 5";
    assert!(!verify(&history(failed)).unwrap().linearizable);
}

#[test]
fn only_the_keys_that_fail_are_named() {
    let lines = "0 invoke write 1 5\n0 ok write 1 5\n0 invoke cas 2 [3,4]\n0 ok cas 2 [3,4]";
    let found = verify(&history(lines)).unwrap();
    let keys: Vec<_> = found.violations.iter().map(|violation| violation.key.clone()).collect();
    assert_eq!(keys, [2.into()]);
}

#[test]
fn the_nemesis_and_unknown_fields_are_ignored_and_completions_may_be_short() {
    let text = r#"[
        {"index":0,"process":"nemesis","type":"info","f":"start-partition","value":["n1"]},
        {"index":1,"time":5,"process":0,"type":"invoke","f":"cas","key":"x","value":[1,2]},
        {"index":2,"time":6,"process":0,"type":"fail","f":"cas","error":["a","b"]},
        {"process":0,"type":"invoke","f":"write","value":"v"},
        {"process":0,"type":"ok","f":"write"},
        {"process":0,"type":"invoke","f":"read"},
        {"process":0,"type":"ok","f":"read","value":"v"}
    ]"#;
    assert!(verify(text).unwrap().linearizable);
    assert!(verify("[]").unwrap().linearizable);
}

#[test]
fn operations_that_stand_as_a_whole_are_one_after_another() {
    let read = |value| format!(r#"[{{"op":"write","value":1}},{{"op":"read","value":{value}}}]"#);
    assert!(verify(&read(1)).unwrap().linearizable);
    assert!(!verify(&read(2)).unwrap().linearizable);
    for (text, linearizable) in [
        (r#"[{"type":"write","key":"x","value":"a"},{"type":"read","key":"x","value":"a"}]"#, true),
        (
            r#"[{"type":"write","key":"x","value":"a"},{"type":"read","key":"y","value":"a"}]"#,
            false,
        ),
        (r#"[{"f":"put","key":1,"value":2},{"f":"get","key":1,"result":2}]"#, true),
        (r#"[{"op":"read","key":1,"value":null},{"op":"write","key":1,"value":2}]"#, true),
        (
            r#"[{"op":"write","value":1},{"op":"cas","from":1,"to":2},{"op":"read","value":2}]"#,
            true,
        ),
        (r#"[{"op":"write","value":1},{"op":"cas","value":[1,2]},{"op":"read","value":1}]"#, false),
        (r#"[{"op":"write","value":1,"ok":false},{"op":"read","value":null}]"#, true),
        (r#"[{"op":"write","value":1,"ok":true},{"op":"read","value":null}]"#, false),
        (r#"[{"op":"write","value":1,"status":"ok"},{"op":"read","value":null}]"#, false),
        (r#"[{"op":"write","value":1,"status":"failed"},{"op":"read","value":null}]"#, true),
        (r#"[{"op":"write","value":1,"status":"failed"},{"op":"read","value":1}]"#, false),
        (r#"[{"op":"write","value":1,"status":"rejected"},{"op":"read","value":1}]"#, false),
        (r#"[{"op":"read","value":1,"outcome":"fail"},{"op":"read","value":null}]"#, true),
        (
            r#"[{"op":"write","value":1,"outcome":"info"},{"op":"read","value":null},
                {"op":"read","value":1}]"#,
            true,
        ),
        (
            r#"[{"op":"write","value":1,"status":"timeout"},{"op":"read","value":1},
                {"op":"read","value":null}]"#,
            false,
        ),
    ] {
        assert_eq!(verify(text).unwrap().linearizable, linearizable, "{text}");
    }
    // Without a process one client does everything.
    let events = r#"[{"type":"invoke","f":"write","value":1},{"type":"ok","f":"write"},
                     {"type":"invoke","f":"read"},{"type":"ok","f":"read","value":1}]"#;
    assert!(verify(events).unwrap().linearizable);
    for bad in
        [r#"[{"op":"append","value":1}]"#, r#"[{"op":"write"}]"#, r#"[{"op":"cas","value":1}]"#]
    {
        let error = verify(bad).unwrap_err();
        assert!(error.text.starts_with("event 0: "), "{bad}: {error}");
    }
}

#[test]
fn operations_that_say_when_they_began_and_ended_may_overlap() {
    let history = |names: [&str; 2], ops: &[(&str, &str, &str, &str)]| {
        let [start, end] = names;
        let whole = |(op, value, began, ended): &(&str, &str, &str, &str)| {
            format!(r#"{{"op":"{op}","value":{value},"{start}":{began},"{end}":{ended}}}"#)
        };
        format!("[{}]", ops.iter().map(whole).collect::<Vec<_>>().join(","))
    };
    let names = ["start", "end"];
    // A read during a write sees it or not, one after it does; the order of the list is nothing.
    for (read, began, ended, linearizable) in [
        ("null", "1", "2", true),
        ("1", "1", "2", true),
        ("null", "5", "9", true),
        ("null", "5.5", "9", false),
        ("null", "18446744073709551617", "18446744073709551618", false),
    ] {
        let write = ("write", "1", "0", "5");
        let read = ("read", read, began, ended);
        for ops in [[write, read], [read, write]] {
            let text = history(names, &ops);
            assert_eq!(verify(&text).unwrap().linearizable, linearizable, "{text}");
        }
    }
    for names in [
        ["start_time", "end_time"],
        ["start-time", "end-time"],
        ["invoke", "complete"],
        ["invoked_at", "completed_at"],
        ["call", "return"],
    ] {
        let ops = [("write", "1", "0", "10"), ("write", "2", "1", "3"), ("read", "1", "11", "12")];
        assert!(verify(&history(names, &ops)).unwrap().linearizable, "{names:?}");
        let ops = [("write", "1", "0", "2"), ("write", "2", "3", "4"), ("read", "1", "5", "6")];
        assert!(!verify(&history(names, &ops)).unwrap().linearizable, "{names:?}");
    }
    // What is open may take effect at any time, but not before it began.
    let open = ("write", "1", "5", "null");
    let read = |began, ended| history(names, &[open, ("read", "1", began, ended)]);
    assert!(verify(&read("8", "9")).unwrap().linearizable);
    assert!(!verify(&read("1", "2")).unwrap().linearizable);
    let failed = r#"[{"op":"write","value":1,"start":1,"ok":false},
                     {"op":"read","value":1,"start":2,"end":3}]"#;
    assert!(!verify(failed).unwrap().linearizable);
    // Nobody knows: it may take effect after its end as well.
    let unknown = r#"[{"op":"write","value":1,"start":1,"end":2,"status":"timeout"},
                      {"op":"read","value":null,"start":3,"end":4},
                      {"op":"read","value":1,"start":5,"end":6}]"#;
    assert!(verify(unknown).unwrap().linearizable);
    for (bad, says) in [
        (
            history(names, &[("write", "1", "5", "4")]),
            "event 0: its `end` comes before its `start`",
        ),
        (
            r#"[{"op":"write","value":1},{"op":"read","value":1,"start":2,"end":3}]"#.to_owned(),
            "event 1: it says when it began, which others do not",
        ),
    ] {
        assert_eq!(verify(&bad).unwrap_err().text, says);
    }
}

#[test]
fn malformed_histories_are_refused_with_the_event() {
    for (text, says) in [
        ("{}".to_owned(), "`history` has to be a list"),
        (history("0 invoke read 1 null\n0 ok write 1 2"), "event 1"),
        (history("0 ok read 1 null"), "event 0"),
        (history("0 invoke read 1 null\n0 invoke read 2 null"), "event 1"),
        (history("0 invoke append 1 2"), "event 0"),
        (history("0 begin read 1 2"), "event 0"),
        (history("0 invoke cas 1 2"), "event 0"),
        ("[5]".to_owned(), "event 0"),
    ] {
        let error = verify(&text).unwrap_err();
        assert_eq!(error.code, ErrorCode::MalformedRequest);
        assert!(error.text.starts_with(says), "{text}: {error}");
    }
}
