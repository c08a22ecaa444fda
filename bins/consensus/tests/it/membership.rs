//! Members that come and go while the cluster serves: `add_member`, `remove_member` and error 40, as
//! jepsen-io/maelstrom#101 has them.

use std::time::Duration;

use bench::sweep::Trial;
use consensus::{ConsensusNode, Settings};
use proto::{AnyBody, AnyNode, MessageId, NodeId, Payload, Script, Time};
use serde_json::{Value, json};
use simulator::{AnyCluster, ClusterOptions};

use crate::lonely::{Lonely, is_silent, to};

/// A cluster in virtual time, and one client of it.
struct Cluster {
    cluster: AnyCluster,
    client: NodeId,
    next_id: u64,
}

impl Cluster {
    fn new(nodes: usize, durable: bool) -> Self {
        let mut options = ClusterOptions::new(nodes, 1);
        options.durable = durable.then(|| Duration::from_millis(1));
        let settings = Settings { compact_after: 10, ..Settings::default() };
        let make = move |_| AnyNode::new(ConsensusNode::new(settings.clone()));
        let cluster = AnyCluster::new(options, make);
        Self { cluster, client: NodeId::new("client"), next_id: 0 }
    }

    /// What a node replies within five seconds.
    fn ask(&mut self, node: usize, mut body: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        body["msg_id"] = id.into();
        self.cluster.request(&self.client, node, body.to_string());
        let end = self.cluster.now() + Duration::from_secs(5);
        while self.cluster.next_time().is_some_and(|next| next <= end) {
            let Some(step) = self.cluster.step() else { break };
            let Some(message) = step.to_client else { continue };
            if let Payload::Body(AnyBody::Text(body)) = message.payload
                && message.in_reply_to == Some(MessageId(id))
            {
                return serde_json::from_str(&body).unwrap();
            }
        }
        json!({"type": "nothing"})
    }

    /// Asks until the reply has this type.
    fn insist(&mut self, node: usize, body: &Value, kind: &str) {
        let replies: Vec<_> = (0..20)
            .map(|_| {
                let reply = self.ask(node, body.clone());
                if reply["type"] != kind {
                    self.wait(Duration::from_millis(300));
                }
                reply
            })
            .take_while(|reply| reply["type"] != kind)
            .collect();
        assert!(replies.len() < 20, "{body}: {replies:?}");
    }

    fn wait(&mut self, time: Duration) {
        let end: Time = self.cluster.now() + time;
        while self.cluster.next_time().is_some_and(|next| next <= end) {
            self.cluster.step();
        }
        self.cluster.advance_to(end);
    }

    fn leader(&self) -> usize {
        let nodes = 0..self.cluster.node_ids().len();
        nodes.rev().find(|node| self.cluster.is_leader(*node)).expect("a leader")
    }

    fn is_removed(&mut self, node: usize) -> bool {
        self.ask(node, read())["code"] == 40
    }
}

fn read() -> Value {
    json!({"type": "read", "key": 1})
}

fn write(value: u64) -> Value {
    json!({"type": "write", "key": 1, "value": value})
}

fn change(kind: &str, node: usize) -> Value {
    json!({"type": kind, "node_id": format!("n{node}")})
}

#[test]
fn a_removed_node_answers_error_40_until_it_is_added_back() {
    for durable in [false, true] {
        let mut cluster = Cluster::new(5, durable);
        cluster.insist(0, &write(1), "write_ok");
        let leader = cluster.leader();
        let (removed, other) = ((leader + 1) % 5, (leader + 2) % 5);
        // Any node takes it and passes it on.
        cluster.insist(other, &change("remove_member", removed), "remove_member_ok");
        cluster.wait(Duration::from_millis(200));
        assert!(cluster.is_removed(removed));
        // Twice is once.
        cluster.insist(other, &change("remove_member", removed), "remove_member_ok");
        // Many writes later, so that it needs a snapshot.
        (2..40).for_each(|value| cluster.insist(other, &write(value), "write_ok"));
        assert!(cluster.is_removed(removed));
        cluster.insist(other, &change("add_member", removed), "add_member_ok");
        cluster.wait(Duration::from_millis(200));
        assert_eq!(cluster.ask(removed, read())["value"], 39);
        cluster.insist(removed, &change("add_member", removed), "add_member_ok");
    }
}

#[test]
fn a_leader_that_is_removed_goes_when_others_can_go_on() {
    let mut cluster = Cluster::new(3, true);
    cluster.insist(0, &write(1), "write_ok");
    let removed = cluster.leader();
    cluster.insist(removed, &change("remove_member", removed), "remove_member_ok");
    assert!(cluster.is_removed(removed));
    let other = (removed + 1) % 3;
    cluster.insist(other, &write(2), "write_ok");
    assert_ne!(cluster.leader(), removed);
    // Two are left, and then one: it can decide by itself, and is not removed.
    let last = cluster.leader();
    cluster.insist(last, &change("remove_member", 3 - removed - last), "remove_member_ok");
    cluster.insist(last, &write(3), "write_ok");
    assert_eq!(cluster.ask(last, change("remove_member", last))["code"], 22);
}

#[test]
fn with_a_state_directory_a_removed_node_stays_removed_when_it_is_killed() {
    let mut cluster = Cluster::new(3, true);
    cluster.insist(0, &write(1), "write_ok");
    let leader = cluster.leader();
    let removed = (leader + 1) % 3;
    cluster.insist(leader, &change("remove_member", removed), "remove_member_ok");
    cluster.wait(Duration::from_millis(200));
    (0..3).for_each(|node| cluster.cluster.crash(node));
    (0..3).for_each(|node| cluster.cluster.restart(node));
    cluster.insist(leader, &write(2), "write_ok");
    assert!(cluster.is_removed(removed));
    cluster.insist(leader, &change("add_member", removed), "add_member_ok");
    (0..3).for_each(|node| cluster.cluster.crash(node));
    (0..3).for_each(|node| cluster.cluster.restart(node));
    cluster.insist(removed, &write(3), "write_ok");
}

/// Without storage a killed node is no voter any more. Removed and added back it is one again.
#[test]
fn a_node_that_has_lost_its_memory_is_replaced_by_removing_and_adding_it() {
    let mut cluster = Cluster::new(3, false);
    cluster.insist(0, &write(1), "write_ok");
    cluster.wait(Duration::from_millis(500));
    let leader = cluster.leader();
    let (killed, other) = ((leader + 1) % 3, (leader + 2) % 3);
    cluster.cluster.crash(killed);
    cluster.cluster.restart(killed);
    cluster.wait(Duration::from_millis(500));
    cluster.insist(leader, &change("remove_member", killed), "remove_member_ok");
    cluster.insist(leader, &change("add_member", killed), "add_member_ok");
    // With the others it is a majority: now one of them may be killed.
    cluster.cluster.crash(other);
    cluster.insist(killed, &write(2), "write_ok");
}

#[test]
fn what_cannot_be_is_refused() {
    let mut cluster = Cluster::new(3, true);
    cluster.insist(0, &write(1), "write_ok");
    assert_eq!(cluster.ask(0, change("add_member", 7))["code"], 1);
    let leader = cluster.leader();
    let (dead, other) = ((leader + 1) % 3, (leader + 2) % 3);
    cluster.cluster.crash(dead);
    cluster.wait(Duration::from_millis(500));
    // The two that would be left are no majority of themselves while one is down.
    assert_eq!(cluster.ask(leader, change("remove_member", other))["code"], 11);
    cluster.insist(leader, &change("remove_member", dead), "remove_member_ok");
    // Nobody is added who does not answer.
    assert_eq!(cluster.ask(other, change("add_member", dead))["code"], 11);
    cluster.insist(other, &write(2), "write_ok");
}

#[test]
fn a_node_that_is_no_member_at_first_waits() {
    let mut node = Script::new(ConsensusNode::new(Settings::default()));
    node.line(
        r#"{"src":"c0","dest":"n3","body":{"type":"init","msg_id":1,"node_id":"n3",
        "node_ids":["n1","n2","n3"],"initial_member_ids":["n1","n2"]}}"#,
    );
    let refused =
        node.line(r#"{"src":"c1","dest":"n3","body":{"type":"read","key":1,"msg_id":2}}"#);
    assert!(refused.concat().contains(r#""code":40"#), "{refused:?}");
    assert_eq!(node.advance(Duration::from_secs(5)), [""; 0], "it asks for no votes");
    // Whoever leads may have it follow.
    let took = node.line(
        r#"{"src":"n1","dest":"n3","body":{"type":"append_entries","term":1,"leader_id":"n1",
        "prev_log_index":0,"prev_log_term":0,"entries":[],"leader_commit":0,"round":1,
        "incarnation":3,"msg_id":1}}"#,
    );
    assert!(took.concat().contains(r#""success":true"#), "{took:?}");
}

/// The nemesis asks for the changes by these messages, while everything else breaks as well; what was
/// removed is a member again before the run settles.
#[test]
fn members_come_and_go_under_all_other_faults() {
    Trial::of(consensus::program)
        .workload("lin-kv")
        .nemesis("membership,kill,partition,pause,loss,duplicate")
        .flag("nemesis-interval", 1)
        .flag("latency", 5)
        .flag("rate", 20)
        .flag("time-limit", 6)
        .flag("settle", 3)
        .args(["lin-kv", "--state-dir", "{run}"])
        .seeds(0..8)
        .assert_valid();
}

/// The copy reaches the leader while it makes the change. If it refused that one, the operator would
/// take a node for a member that is none, and never add it back.
#[test]
fn a_request_that_the_network_doubles_is_answered_once() {
    let mut node = Lonely::leader();
    let request = |number: u64| json!({"type": "remove_member", "node_id": "n3", "passed_on": number, "msg_id": number});
    node.say("n2", request(70));
    assert!(is_silent("n2", &node.say("n2", request(70))));
    // Another one is told that this has to wait.
    assert_eq!(to("n2", &node.say("n2", request(71)))["code"], 11);
}
