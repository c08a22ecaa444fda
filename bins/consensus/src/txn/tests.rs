use super::list_append::List;
use super::rw_register::Register;
use super::*;
use crate::command::{Command, RequestId, SharedCommand};

fn txn(text: &str) -> Txn {
    serde_json::from_str(text).unwrap()
}

/// Runs transactions one after the other, and says what was answered.
fn run<O: Object>(transactions: &[&str]) -> Vec<String> {
    let mut objects = Objects::<O>::default();
    let run = |text: &&str| {
        let txn = txn(text);
        let done = match Objects::<O>::access(&txn) {
            Access::Change => objects.apply(&txn),
            _ => objects.read(&txn),
        };
        serde_json::to_string(&done).unwrap()
    };
    transactions.iter().map(run).collect()
}

#[test]
fn a_transaction_on_lists_sees_its_own_appends_and_all_before_it() {
    let answers = run::<List>(&[
        r#"[["r",1,null]]"#,
        r#"[["append",1,5],["r",1,null],["append",1,{"a": 1.0}]]"#,
        r#"[["r",1,null],["r",2,null]]"#,
    ]);
    assert_eq!(
        answers,
        [
            r#"[["r",1,null]]"#,
            r#"[["append",1,5],["r",1,[5]],["append",1,{"a": 1.0}]]"#,
            r#"[["r",1,[5,{"a": 1.0}]],["r",2,null]]"#,
        ]
    );
}

#[test]
fn a_transaction_on_registers_sees_its_own_writes_and_all_before_it() {
    let answers = run::<Register>(&[
        r#"[["w",1,5],["r",1,null],["w",1,6],["r",2,null]]"#,
        r#"[["r",1.0,null],["w",2,null]]"#,
        r#"[]"#,
    ]);
    assert_eq!(
        answers,
        [
            r#"[["w",1,5],["r",1,5],["w",1,6],["r",2,null]]"#,
            r#"[["r",1.0,6],["w",2,null]]"#,
            r#"[]"#,
        ]
    );
}

#[test]
fn only_what_writes_goes_through_the_log() {
    let access = |text| Objects::<List>::access(&txn(text));
    assert_eq!(access(r#"[["r",1,null],["r",2,null]]"#), Access::Read);
    assert_eq!(access(r#"[["r",1,null],["append",2,0]]"#), Access::Change);
}

#[test]
fn what_the_workload_does_not_know_is_refused_with_its_place() {
    let message = |text| Message::Txn { txn: txn(text) };
    let refused = Objects::<List>::operation(message(r#"[["r",1,null],["w",1,2]]"#)).unwrap_err();
    assert_eq!(refused.code, proto::ErrorCode::MalformedRequest);
    assert!(refused.text.contains("`txn`: micro-operation 1"), "{}", refused.text);
    assert!(Objects::<Register>::operation(message(r#"[["append",1,2]]"#)).is_err());
    assert!(serde_json::from_str::<Micro<Function>>(r#"["cas",1,2]"#).is_err());
    assert!(serde_json::from_str::<Micro<Function>>(r#"["r",1]"#).is_err());
    assert!(Objects::<Register>::operation(Message::TxnOk { txn: Vec::new() }).is_err());
}

#[test]
fn state_and_commands_survive_json() {
    let mut objects = Objects::<List>::default();
    let operation = txn(r#"[["append",{"k": 1},"x"],["append",1.0,9007199254740993]]"#);
    objects.apply(&operation);
    let text = serde_json::to_string(&objects).unwrap();
    assert_eq!(serde_json::from_str::<Objects<List>>(&text).unwrap(), objects, "{text}");
    let request = RequestId { origin: proto::NodeId::new("n2"), session: u64::MAX, sequence: 3 };
    let command = Command { request, settled: 3, operation };
    let shared = SharedCommand::<Objects<List>>(command.clone().into());
    let text = serde_json::to_string(&shared).unwrap();
    let back: SharedCommand<Objects<List>> = serde_json::from_str(&text).unwrap();
    assert_eq!(*back.0, command, "{text}");
}
