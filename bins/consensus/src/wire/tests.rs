use proto::Json;

use super::*;
use crate::command::{Command, RequestId};
use crate::lin_kv::{KeyValues, Operation};
use crate::members::member_id;
use crate::store::Store;

fn command() -> SharedCommand<KeyValues> {
    let operation = Operation::Cas {
        key: Json::parse("[1.0]").unwrap(),
        from: Json::null(),
        to: Json::from("x"),
        create: false,
    };
    let request = RequestId { origin: NodeId::new("n2"), session: u64::MAX, sequence: 3 };
    SharedCommand(Arc::new(Command { request, settled: 2, operation }))
}

type StorePayload = Payload<SharedCommand<KeyValues>, SharedState<KeyValues>>;

fn payloads() -> Vec<(StorePayload, Option<ReplyKind>)> {
    let met = member_id(&NodeId::new("n2"));
    let incarnations: Incarnations = Arc::new([(met, Incarnation(u64::MAX))].into());
    let mut store = Store::default();
    store.apply(&command().0);
    let voters = [(met, None), (member_id(&NodeId::new("n1")), Some(Incarnation(7)))];
    let one = Configuration::of([met]);
    let joint = Arc::new(one.changed_to(voters.into_iter().collect()));
    let snapshot = raft::Snapshot {
        index: LogIndex(9),
        term: Term(2),
        configuration: Arc::clone(&joint),
        state: SharedState(store.snapshot()),
    };
    let entry = |index, content| raft::Entry { term: Term(2), index: LogIndex(index), content };
    let reply = |outcome| Payload::AppendReply(raft::AppendReply { round: Round(4), outcome });
    let conflict = |term| raft::Conflict { rejected: LogIndex(7), term, index: LogIndex(5) };
    let vote = |incarnations| {
        let candidate = Some(Incarnation(u64::MAX));
        Payload::Vote(raft::Vote { pre_vote: true, granted: false, candidate, incarnations })
    };
    let ballots = [raft::Ballot::PreVote, raft::Ballot::Vote, raft::Ballot::Transfer];
    let requests = ballots.map(|ballot| {
        let payload = Payload::RequestVote(raft::RequestVote {
            ballot,
            last_log_index: LogIndex(8),
            last_log_term: Term(2),
            incarnations: Arc::clone(&incarnations),
        });
        (payload, None)
    });
    let append = Payload::AppendEntries(raft::AppendEntries {
        round: Round(4),
        prev_log_index: LogIndex(7),
        prev_log_term: Term(1),
        entries: vec![
            entry(8, Content::Noop),
            entry(9, Content::Command(command())),
            entry(10, Content::Configuration(joint)),
        ],
        leader_commit: LogIndex(6),
        incarnations: Some(Arc::clone(&incarnations)),
    });
    let others = [
        (vote(None), Some(ReplyKind::Vote)),
        (vote(Some(incarnations)), Some(ReplyKind::Vote)),
        (append, None),
        (reply(Ok(LogIndex(9))), Some(ReplyKind::Append)),
        (reply(Err(conflict(Some(Term(1))))), Some(ReplyKind::Append)),
        (reply(Err(conflict(None))), Some(ReplyKind::Append)),
        (Payload::InstallSnapshot { snapshot, round: Round(4) }, None),
        (reply(Ok(LogIndex(9))), Some(ReplyKind::Snapshot)),
        (Payload::TimeoutNow, None),
    ];
    requests.into_iter().chain(others).collect()
}

#[test]
fn every_message_of_raft_survives_json() {
    let own = NodeId::new("n1");
    let members = Members::new(&own, &["n1", "n2"].map(NodeId::new));
    for (payload, reply) in payloads() {
        let message =
            Message { incarnation: Some(Incarnation(u64::MAX - 1)), term: Term(3), payload };
        let sent = proto::Message {
            src: own.clone(),
            dest: NodeId::new("n2"),
            msg_id: None,
            in_reply_to: reply.map(|_| proto::MessageId(1)),
            payload: proto::Payload::Body(encode(message.clone(), &members, reply, true)),
        };
        let mut line = Vec::new();
        proto::encode(&sent, &mut line).unwrap();
        let line = String::from_utf8(line).unwrap();
        let received = proto::decode::<Peer<KeyValues>>(&line).unwrap();
        let proto::Payload::Body(body) = received.payload else { panic!("{line}") };
        let incoming = decode(body, &members).unwrap();
        assert_eq!(incoming.message, message, "{line}");
        assert!(incoming.is_ours);
    }
}
