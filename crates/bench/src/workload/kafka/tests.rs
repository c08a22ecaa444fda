use std::collections::BTreeMap;

use checkers::{Event, Kind};
use serde_json::json;

use super::op::restore;
use super::*;
use crate::options::Options;
use crate::workload::registry::named;
use crate::workload::workload;

type Line = (u64, Kind, KafkaOp);

fn history(lines: Vec<Line>) -> Vec<Event<KafkaOp>> {
    let event = |(index, (process, kind, op))| {
        Event::of_client(index, index * 1_000_000_000, process, kind, op)
    };
    (0..).zip(lines).map(event).collect()
}

fn send(process: u64, message: i64, kind: Kind, at: Option<u64>) -> [Line; 2] {
    let op = |offset| KafkaOp::Send { key: "k".to_owned(), message: message.into(), offset };
    [(process, Kind::Invoke, op(None)), (process, kind, op(at))]
}

fn poll(process: u64, messages: &[(u64, i64)]) -> [Line; 2] {
    let op = |polled| KafkaOp::Poll { from: Offsets::from([("k".to_owned(), 0)]), polled };
    let came = messages.iter().map(|(offset, message)| (*offset, Json::from(*message))).collect();
    [(process, Kind::Invoke, op(None)), (process, Kind::Ok, op(Some(vec![("k".to_owned(), came)])))]
}

fn assign(process: u64, crash: bool) -> [Line; 2] {
    let keys = vec!["k".to_owned()];
    let op = |committed| KafkaOp::Assign { crash, keys: keys.clone(), committed };
    [(process, Kind::Invoke, op(None)), (process, Kind::Ok, op(Some(Offsets::new())))]
}

/// The kinds of what is found.
fn kinds(lines: impl IntoIterator<Item = [Line; 2]>) -> Vec<String> {
    let history = history(lines.into_iter().flatten().collect());
    let results = results::check(&history).results;
    results["error-types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap().into())
        .collect()
}

#[test]
fn everything_in_order_is_valid() {
    let good = [
        send(0, 1, Kind::Ok, Some(0)),
        send(0, 2, Kind::Ok, Some(1)),
        poll(1, &[(0, 1)]),
        poll(1, &[(1, 2)]),
        assign(1, true),
        poll(1, &[(0, 1), (1, 2)]),
    ];
    assert_eq!(kinds(good), [""; 0]);
}

#[test]
fn a_poll_out_of_order_is_shown_and_not_what_the_next_one_seems_to_skip() {
    let backward = [
        send(0, 1, Kind::Ok, Some(0)),
        send(0, 2, Kind::Ok, Some(1)),
        send(0, 3, Kind::Ok, Some(2)),
        poll(1, &[(1, 2), (0, 1)]),
        poll(1, &[(2, 3)]),
    ];
    assert_eq!(kinds(backward.clone()), ["poll-skip", "int-nonmonotonic-poll"]);
    let lead = results::check(&history(backward.concat())).lead.unwrap();
    assert!(lead.text.contains("and then, in the same operation, offset 0"), "{}", lead.text);
}

#[test]
fn anomalies_have_the_names_of_jepsen() {
    let sent = || [send(0, 1, Kind::Ok, Some(0)), send(0, 2, Kind::Ok, Some(1))];
    let with = |polls: &[[Line; 2]]| kinds(sent().into_iter().chain(polls.iter().cloned()));
    let third = || send(0, 3, Kind::Ok, Some(2));
    let all = || poll(2, &[(0, 1), (1, 2), (2, 3)]);
    assert_eq!(with(&[poll(1, &[(1, 2)])]), ["lost-write", "unseen"]);
    assert_eq!(with(&[poll(1, &[(0, 1)])]), ["unseen"]);
    assert_eq!(with(&[third(), all(), poll(1, &[(0, 1)]), poll(1, &[(2, 3)])]), ["poll-skip"]);
    assert_eq!(with(&[third(), all(), poll(1, &[(0, 1), (2, 3)])]), ["int-poll-skip"]);
    let again = poll(1, &[(0, 1), (1, 2)]);
    assert_eq!(with(&[again.clone(), again.clone()]), ["nonmonotonic-poll"]);
    // What is polled after a crash may have been polled before.
    assert_eq!(with(&[again.clone(), assign(1, true), again.clone()]), [""; 0]);
    assert_eq!(with(&[again.clone(), assign(1, false), again.clone()]), ["nonmonotonic-poll"]);
    assert_eq!(with(&[again.clone(), poll(2, &[(0, 1), (1, 2), (2, 9)])]), ["never-sent"]);
    let reused = send(1, 3, Kind::Ok, Some(1));
    assert_eq!(with(&[reused, again.clone()])[0], "inconsistent-offsets");
    let failed = send(1, 3, Kind::Fail, None);
    assert_eq!(with(&[failed, all()]), ["G1a"]);
    assert_eq!(with(&[again, poll(2, &[(0, 1), (1, 2), (2, 2)])]).first().unwrap(), "duplicate");
}

#[test]
fn what_made_outcomes_unknown_is_told_once_each() {
    use checkers::history::OpError;
    let crash = |text: &str| OpError::Reply { name: "crash".to_owned(), text: text.to_owned() };
    let unknown = |message, error: OpError| {
        let of = history(send(0, message, Kind::Info, None).to_vec());
        of.into_iter().map(move |mut event| {
            event.error = (event.kind == Kind::Info).then(|| Box::new(error.clone()));
            event
        })
    };
    let mut all: Vec<_> = [(1, OpError::NetTimeout), (2, crash("x")), (3, OpError::NetTimeout)]
        .into_iter()
        .flat_map(|(message, error)| unknown(message, error))
        .collect();
    // A commit is neither a send nor a poll.
    let commit = KafkaOp::Commit { offsets: Offsets::new() };
    let lines = vec![(0, Kind::Invoke, commit.clone()), (0, Kind::Info, commit)];
    all.extend(history(lines).into_iter().map(|mut event| {
        event.error = (event.kind == Kind::Info).then(|| Box::new(crash("commit")));
        event
    }));
    for (event, place) in all.iter_mut().zip(0..) {
        (event.index, event.process) = (place, checkers::Process::Client(place / 2));
    }
    let results = results::check(&all).results;
    let expected = serde_json::json!(["net-timeout", ["crash", "x"]]);
    assert_eq!(results["info-txn-causes"], expected, "{results}");
}

/// jepsen-io/maelstrom#98: the analysis of a lost message whose offset nobody knows must not fail.
#[test]
fn a_message_without_a_known_offset_is_no_obstacle() {
    let lines = [
        send(0, 1, Kind::Ok, Some(3)),
        send(1, 2, Kind::Info, None),
        send(3, 3, Kind::Info, None),
        send(2, 4, Kind::Ok, Some(9)),
        poll(2, &[(9, 4), (12, 3)]),
    ];
    assert_eq!(kinds(lines), ["lost-write", "unseen"]);
}

/// jepsen-io/maelstrom#51: the analysis takes time with the size of the offsets.
#[test]
fn huge_and_sparse_offsets_cost_nothing() {
    let huge = 1_u64 << 62;
    let lines = (0..200).flat_map(|n| {
        let offset = n * (huge / 256);
        [send(0, n as i64, Kind::Ok, Some(offset)), poll(1, &[(offset, n as i64)])]
    });
    // Were the cost that of the offsets, this would never end.
    assert_eq!(kinds(lines.chain([poll(2, &[(u64::MAX, 7)])])), ["duplicate"]);
}

#[test]
fn the_lag_is_how_long_a_message_was_known_that_a_poll_did_not_bring() {
    let lines = [
        assign(1, false),
        send(0, 1, Kind::Ok, Some(0)),
        send(0, 2, Kind::Ok, Some(1)),
        poll(1, &[(0, 1)]),
        poll(1, &[(1, 2)]),
    ];
    let history = history(lines.into_iter().flatten().collect());
    let lag = &results::check(&history).results["worst-realtime-lag"];
    // Message 2 was acknowledged by event 5; the poll that missed it is event 6.
    assert_eq!(*lag, serde_json::json!({"time": 6.0, "process": 1, "key": "k", "lag": 1.0}));
}

#[test]
fn a_stored_history_is_read_as_it_was_written() {
    let lines: Vec<Line> = [
        send(0, 1, Kind::Ok, Some(7)),
        send(0, 2, Kind::Info, None),
        assign(1, false),
        assign(1, true),
    ]
    .into_iter()
    .flatten()
    .collect();
    for (event, (_, kind, op)) in history(lines.clone()).iter().zip(lines) {
        let line: serde_json::Value = serde_json::to_value(event).unwrap();
        let f = line["f"].as_str().unwrap().to_owned();
        let stored = Stored { f, key: None, text: line["value"].to_string(), kind };
        assert_eq!(restore(&stored, None), Ok(op), "{line}");
    }
    let [_, (_, kind, op)] = poll(0, &[(3, 1)]);
    let text = r#"[["poll",{"k":[[3,1]]}]]"#.to_owned();
    let stored = Stored { f: "poll".to_owned(), key: None, text, kind };
    let KafkaOp::Poll { polled, .. } = restore(&stored, None).unwrap() else { panic!("no poll") };
    assert!(matches!(op, KafkaOp::Poll { polled: came, .. } if came == polled));
    let stored = Stored { text: "3".to_owned(), ..stored };
    assert!(restore(&stored, None).unwrap_err().contains("[[\"poll\""));
}

/// Answers of a node to final operations, until the worker has no more.
fn final_polls(answer: impl Fn(&KafkaOp) -> (Kind, KafkaOp)) -> usize {
    let mut kafka = Kafka::new(&Options::new(named("kafka")).conditions());
    let worker = Worker { index: 0, process: 0 };
    let key = || "0".to_owned();
    let sent = KafkaOp::Send { key: key(), message: Json::from(1), offset: Some(40) };
    kafka.ended(worker, Kind::Ok, &sent);
    let mut polls = 0;
    while let Some(op) = kafka.final_operation(worker) {
        let (kind, op) = answer(&op);
        kafka.ended(worker, kind, &op);
        polls += usize::from(matches!(op, KafkaOp::Poll { .. }));
        assert!(polls < 1000, "there is no end");
    }
    polls
}

#[test]
fn final_polls_end_when_everything_is_passed_and_never_go_on_for_ever() {
    let bring = |at: u64, op: &KafkaOp| match op {
        KafkaOp::Poll { from, .. } => {
            let came = vec![("0".to_owned(), vec![(at.max(from["0"]), Json::from(1))])];
            (Kind::Ok, KafkaOp::Poll { from: from.clone(), polled: Some(came) })
        }
        other => (Kind::Ok, other.clone()),
    };
    let nothing = |op: &KafkaOp| match op {
        KafkaOp::Poll { from, .. } => {
            (Kind::Ok, KafkaOp::Poll { from: from.clone(), polled: Some(Vec::new()) })
        }
        other => (Kind::Ok, other.clone()),
    };
    assert_eq!(final_polls(|op| bring(40, op)), 1);
    assert_eq!(final_polls(nothing), 20);
    assert_eq!(final_polls(|op| (Kind::Fail, op.clone())), 3, "and the assignment failed, too");
    // A message a time, and one more after each.
    assert!(final_polls(|op| bring(0, op)) <= 41);
}

#[test]
fn keys_are_written_by_powers_of_two_and_replaced_when_they_are_full() {
    let mut options = Options::new(named("kafka"));
    options.settings.set(&KEY_COUNT, "3").unwrap();
    options.settings.set(&MAX_WRITES_PER_KEY, "2").unwrap();
    assert!(options.settings.set(&KEY_COUNT, "0").is_err());
    let mut kafka = Kafka::new(&options.conditions());
    let mut random = Random::new(1, "test");
    let worker = Worker { index: 0, process: 0 };
    let mut written: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for _ in 0..1000 {
        let mut op = kafka.operation(worker, &mut random);
        if let KafkaOp::Assign { committed, .. } = &mut op {
            *committed = Some(Offsets::new());
        }
        if let KafkaOp::Send { key, message, .. } = &op {
            written.entry(key.clone()).or_default().push(message.as_i64().unwrap());
        }
        kafka.ended(worker, Kind::Ok, &op);
    }
    assert!(written.len() > 200);
    let full = written.values().filter(|messages| **messages == [1, 2]).count();
    assert!(full >= written.len() - 3, "each gets 1 and 2, but the three of the moment");
}

/// The groups of the drawing with their points: seconds and places.
fn drawn(lines: impl IntoIterator<Item = [Line; 2]>) -> (Vec<String>, Vec<String>) {
    use crate::exhibit::{Drawing, Exhibit};
    let history = history(lines.into_iter().flatten().collect());
    let checked = results::check(&history);
    let [Exhibit { drawing: Drawing::Series(series), is_evidence: true, .. }] =
        &checked.exhibits[..]
    else {
        panic!("{:?}", checked.exhibits)
    };
    assert!(checked.causes.contains(&checked.lead.unwrap().text));
    let point = |(ns, place): &(u64, f64)| format!("{}s {place}", ns / 1_000_000_000);
    let groups = series.groups.iter().map(|group| {
        let points: Vec<_> = group.points.iter().map(point).collect();
        format!("{}: {}", group.name, points.join(", "))
    });
    (series.places.clone(), groups.collect())
}

#[test]
fn what_was_skipped_and_what_was_lost_is_shown_among_the_offsets() {
    let sent = |message, at| send(0, message, Kind::Ok, Some(at));
    let (places, groups) = drawn([
        sent(1, 0),
        sent(2, 500),
        sent(3, 1_000_000),
        poll(2, &[(0, 1), (500, 2), (1_000_000, 3)]),
        poll(1, &[(0, 1)]),
        poll(1, &[(1_000_000, 3)]),
    ]);
    assert_eq!(places, ["0", "500", "1000000"]);
    let expected = [
        "sent and acknowledged: 1s 0, 3s 1, 5s 2",
        "polled by others: 7s 0, 7s 1, 7s 2",
        "polled by process 1: 9s 0, 11s 2",
        "skipped: 11s 1",
    ];
    assert_eq!(groups, expected);
    let (_, groups) = drawn([sent(1, 0), sent(2, 1), poll(1, &[(1, 2)])]);
    assert_eq!(groups.last().map(String::as_str), Some("lost: 1s 0"), "{groups:?}");
}

/// Programs may read keys as the numbers that they are in every run.
#[test]
fn an_examination_has_keys_like_those_of_a_run() {
    for exam in workload(&Options::new(named("kafka"))).examination() {
        let body: serde_json::Value = serde_json::from_str(&exam.body).unwrap();
        let lists = [&body["keys"], &json!([body["key"]])].map(|list| list.as_array().cloned());
        let listed =
            lists.into_iter().flatten().flatten().filter_map(|key| Some(key.as_str()?.to_owned()));
        let offsets = body["offsets"].as_object().into_iter().flatten().map(|(key, _)| key.clone());
        let keys: Vec<String> = listed.chain(offsets).collect();
        assert!(!keys.is_empty() && keys.iter().all(|key| key.parse::<u64>().is_ok()), "{body}");
    }
}
