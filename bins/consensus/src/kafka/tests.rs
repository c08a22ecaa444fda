use super::*;
use crate::command::{Command, RequestId, SharedCommand};

fn send(key: &str, message: i64) -> Change {
    Change::Send(key.to_owned(), message.into())
}

fn offsets(of: &[(&str, Offset)]) -> BTreeMap<String, Offset> {
    of.iter().map(|&(key, offset)| (key.to_owned(), offset)).collect()
}

fn polled(logs: &Logs, from: &[(&str, Offset)]) -> BTreeMap<String, Vec<(Offset, Json)>> {
    match logs.read(&Operation::Poll(offsets(from))) {
        Answer::Polled(messages) => messages,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_key_counts_its_own_messages_and_a_poll_begins_where_it_is_told() {
    let mut logs = Logs::default();
    let changes = vec![send("a", 1), send("b", 2), send("a", 3)];
    let answer = logs.apply(&Operation::Change(changes));
    assert_eq!(answer, Answer::Changed(vec![Done::Sent(0), Done::Sent(0), Done::Sent(1)]));
    let found = polled(&logs, &[("a", 1), ("b", 0), ("c", 0)]);
    assert_eq!(found["a"], [(1, 3.into())]);
    assert_eq!(found["b"], [(0, 2.into())]);
    assert_eq!(found["c"], []);
    assert_eq!(polled(&logs, &[("a", 2)])["a"], []);
    assert_eq!(polled(&logs, &[("a", Offset::MAX)])["a"], []);
}

#[test]
fn a_poll_brings_a_bounded_number_of_messages_and_the_next_one_the_rest() {
    let mut logs = Logs::default();
    let all: Vec<Change> = (0..250).map(|message| send("a", message)).collect();
    logs.apply(&Operation::Change(all));
    let (mut next, mut sizes) = (0, Vec::new());
    while let Some((last, _)) = polled(&logs, &[("a", next)])["a"].last() {
        sizes.push(last + 1 - next);
        next = last + 1;
    }
    assert_eq!(sizes, [100, 100, 50]);
}

#[test]
fn commits_only_ever_rise() {
    let mut logs = Logs::default();
    let committed = |logs: &Logs| {
        logs.read(&Operation::Committed(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]))
    };
    for (commit, expected) in [
        (&[("a", 5)][..], &[("a", 5)][..]),
        (&[("a", 3), ("b", 0)], &[("a", 5), ("b", 0)]),
        (&[("a", 6)], &[("a", 6), ("b", 0)]),
    ] {
        let answer = logs.apply(&Operation::Change(vec![Change::Commit(offsets(commit))]));
        assert_eq!(answer, Answer::Changed(vec![Done::Committed]));
        assert_eq!(committed(&logs), Answer::Committed(offsets(expected)));
    }
}

#[test]
fn changes_of_several_clients_are_one_command_and_each_gets_its_own_reply() {
    let request = |text: &str| Logs::operation(serde_json::from_str(text).unwrap()).unwrap();
    let mut joined = request(r#"{"send":{"key":"a","msg":7}}"#);
    Logs::join(&mut joined, request(r#"{"commit_offsets":{"offsets":{"a":0}}}"#));
    Logs::join(&mut joined, request(r#"{"send":{"key":"a","msg":{"b": 1.0}}}"#));
    let request = RequestId { origin: proto::NodeId::new("n2"), session: 2, sequence: 3 };
    let command = Command { request, settled: 3, operation: joined.clone() };
    let text = serde_json::to_string(&SharedCommand::<Logs>(command.clone().into())).unwrap();
    let back: SharedCommand<Logs> = serde_json::from_str(&text).unwrap();
    assert_eq!(*back.0, command, "{text}");
    let mut logs = Logs::default();
    let replies: Vec<_> =
        Logs::replies(logs.apply(&joined)).into_iter().map(Result::unwrap).collect();
    assert_eq!(
        replies,
        [Message::SendOk { offset: 0 }, Message::CommitOffsetsOk, Message::SendOk { offset: 1 }]
    );
    assert!(Logs::operation(Message::CommitOffsetsOk).is_err());
    let text = serde_json::to_string(&logs).unwrap();
    assert_eq!(serde_json::from_str::<Logs>(&text).unwrap(), logs, "{text}");
}
