//! The store with siblings in clusters in virtual time: no acknowledged write is lost but by one
//! that saw it, all replicas agree in the end, and then nobody says anything.

use std::collections::BTreeMap;
use std::time::Duration;

use checkers::Verdict;
use checkers::causal::writes::{FinalRead, Write, Writes, check};
use identifier::siblings::{Body, Sibling, Siblings, Vector};
use proto::{ErrorCode, Json, MessageId, NodeId, Payload, Script, Time};
use simulator::{Cluster, ClusterOptions, Cut, CutKind, LatencyDistribution, Random};

const NODES: usize = 5;
const CLIENTS: usize = 6;
const KEYS: u64 = 3;
const PATIENCE: Duration = Duration::from_millis(100);

/// What a client waits for.
#[derive(Clone, Copy)]
struct Open {
    msg_id: u64,
    since: Time,
    key: i64,
    /// The place of the write in the list, if it is one.
    write: Option<usize>,
}

#[derive(Default)]
struct Client {
    open: Option<Open>,
    /// What it has seen of each key.
    views: BTreeMap<i64, Vector>,
    /// How often it has given up on a write. It goes on under another name, because a name is one
    /// sequence of writes.
    given_up: usize,
}

struct Run {
    cluster: Cluster<Siblings>,
    clients: Vec<Client>,
    writes: Vec<Write<i64, i64>>,
    /// The key and the vector of each write, as far as clients have heard of it.
    vectors: BTreeMap<i64, (i64, Vector)>,
    random: Random,
    requests: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut options = ClusterOptions::new(NODES, seed);
        options.network.latency = Duration::from_millis(5);
        options.network.distribution = LatencyDistribution::Exponential;
        options.network.loss = 0.1;
        options.network.duplicate = 0.1;
        options.durable = Some(Duration::from_millis(2));
        Self {
            cluster: Cluster::new(options, |_| Siblings::default()),
            clients: (0..CLIENTS).map(|_| Client::default()).collect(),
            writes: Vec::new(),
            vectors: BTreeMap::new(),
            random: Random::new(seed, "clients and faults"),
            requests: 1,
        }
    }

    fn ask(&mut self, number: usize) {
        let now = self.cluster.now();
        let client = &mut self.clients[number];
        if client.open.is_some_and(|open| now < open.since + PATIENCE) {
            return;
        }
        if client.open.is_some_and(|open| open.write.is_some()) {
            client.given_up += 1;
        }
        let id = format!("c{}", 100 + number + CLIENTS * client.given_up);
        let (node, key) = (self.random.index(NODES), self.random.below(KEYS) as i64);
        self.requests += 1;
        let mut open = Open { msg_id: self.requests, since: now, key, write: None };
        let view = client.views.entry(key).or_default();
        if self.random.chance(0.1) {
            // It forgets what it has seen, which makes a conflict.
            view.clear();
        }
        let body = if self.random.chance(0.5) {
            Body::VcRead { key: key.into() }
        } else {
            let write = self.writes.len() as i64;
            open.write = Some(self.writes.len());
            let at = if node == 0 { String::new() } else { format!("@n{node}") };
            let slot = NodeId::new(&format!("{id}{at}"));
            // What the new vector dominates: all but the client's own slot has to be in the context.
            let is_known = |vector: &Vector| {
                vector.iter().all(|(of, number)| *of == slot || view.get(of) >= Some(number))
            };
            let known =
                self.vectors.iter().filter(|(_, (of, vector))| *of == key && is_known(vector));
            let seen = known.map(|(write, _)| *write).collect();
            self.writes.push(Write { key, write, acknowledged: false, seen });
            Body::VcWrite { key: key.into(), value: write.into(), context: view.clone() }
        };
        client.open = Some(open);
        self.cluster.request(&NodeId::new(&id), node, MessageId(open.msg_id), body);
    }

    /// Lets the next event happen; false when nothing is going to happen any more.
    fn step(&mut self) -> bool {
        let Some(step) = self.cluster.step() else { return false };
        let Some(message) = step.to_client else { return true };
        let number: usize = message.dest.as_str()[1..].parse().unwrap();
        let client = number.checked_sub(100).map(|number| &mut self.clients[number % CLIENTS]);
        let Some(client) = client else {
            return true;
        };
        let Some(open) =
            client.open.filter(|open| message.in_reply_to == Some(MessageId(open.msg_id)))
        else {
            return true;
        };
        client.open = None;
        let view = client.views.entry(open.key).or_default();
        match message.payload {
            Payload::Body(Body::VcReadOk { values, siblings }) => {
                assert_eq!(values.len(), siblings);
                view.clear();
                for Sibling { value, vc } in values {
                    self.vectors.insert(value.as_i64().unwrap(), (open.key, vc.clone()));
                    join(view, vc);
                }
            }
            Payload::Body(Body::VcWriteOk { vc, .. }) => {
                let write = open.write.unwrap();
                self.writes[write].acknowledged = true;
                self.vectors.insert(write as i64, (open.key, vc.clone()));
                join(view, vc);
            }
            // It was asked before its `init` came: nothing happened.
            Payload::Error(error) => assert_eq!(error.code, ErrorCode::TemporarilyUnavailable),
            other => panic!("{other:?}"),
        }
        true
    }

    fn fault(&mut self) {
        let node = self.random.index(NODES);
        match self.random.below(6) {
            0 => self.cluster.crash(node),
            1 => self.cluster.pause(node),
            2 => {
                let kind = self.random.pick(&CutKind::MAELSTROM).copied().unwrap();
                let cut = kind.draw(NODES, None, &mut self.random);
                self.cluster.network_mut().set_cut(cut);
            }
            3 => self.cluster.set_wall_clock_offset(node, self.random.below(100_000) as i64),
            _ => self.heal(),
        }
    }

    fn heal(&mut self) {
        self.cluster.network_mut().set_cut(Cut::none(NODES));
        for node in 0..NODES {
            self.cluster.resume(node);
            self.cluster.restart(node);
        }
    }

    fn run(&mut self) -> Writes<i64> {
        for _ in 0..400 {
            self.ask_somebody();
            if self.random.chance(0.05) {
                self.fault();
            }
            let until = self.cluster.now() + self.random.uniform(Duration::from_millis(5));
            while self.cluster.next_time().is_some_and(|next| next <= until) {
                self.step();
            }
            self.cluster.advance_to(until);
        }
        self.heal();
        self.cluster.network_mut().set_loss(0.0);
        let mut steps = 0;
        while self.step() {
            steps += 1;
            assert!(steps < 100_000, "the nodes do not come to rest");
        }
        let mut reads = Vec::new();
        for key in 0..KEYS as i64 {
            let values = |node| self.cluster.node(node).values(&Json::from(key));
            for node in 0..NODES {
                assert_eq!(values(node), values(0), "replicas of key {key} agree");
                let writes = values(node).iter().map(|s| s.value.as_i64().unwrap()).collect();
                reads.push(FinalRead { key, writes });
            }
        }
        check(&self.writes, &reads)
    }

    fn ask_somebody(&mut self) {
        let number = self.random.index(CLIENTS);
        self.ask(number);
    }
}

fn join(vector: &mut Vector, other: Vector) {
    for (slot, counter) in other {
        let own = vector.entry(slot).or_default();
        *own = counter.max(*own);
    }
}

#[test]
fn no_acknowledged_write_is_lost_but_by_one_that_saw_it() {
    let (mut replaced, mut siblings_max) = (0, 0);
    for seed in 0..150 {
        let result = Run::new(seed).run();
        assert_eq!(result.verdict, Verdict::Valid, "seed {seed}: {result:?}");
        replaced += result.replaced_count;
        siblings_max = siblings_max.max(result.siblings_max);
    }
    assert!(replaced > 5_000 && siblings_max > 5, "{replaced} replaced, {siblings_max} siblings");
}

fn script(name: &str, nodes: &[&str]) -> Script<Siblings> {
    let mut script = Script::new(Siblings::default());
    script.init(name, nodes);
    script
}

const WRITE: &str = r#"{"src":"c1","dest":"n1","body":{"type":"vc_write","msg_id":2,"key":"x","value":"a","context":{}}}"#;

#[test]
fn changes_are_gathered_told_to_all_and_told_again_until_they_are_acknowledged() {
    let mut node = script("n1", &["n1", "n2", "n3"]);
    assert_eq!(node.line(WRITE).len(), 1, "only the reply");
    assert!(node.advance(Duration::from_millis(49)).is_empty());
    let told = node.advance(Duration::from_millis(1));
    let object = r#"{"key":"x","seen":{"c1":1},"versions":[{"writer":"c1","number":1,"context":{},"value":"a"}]}"#;
    let merge = |dest, msg_id| {
        format!(
            r#"{{"src":"n1","dest":"{dest}","body":{{"type":"vc_merge","objects":[{object}],"msg_id":{msg_id}}}}}"#
        )
    };
    assert_eq!(told, [merge("n2", 2), merge("n3", 3)]);
    let ok = r#"{"src":"n2","dest":"n1","body":{"type":"vc_merge_ok","in_reply_to":2,"msg_id":9}}"#;
    assert!(node.line(ok).is_empty());
    assert!(node.advance(Duration::from_millis(499)).is_empty());
    assert_eq!(node.advance(Duration::from_millis(51)), [merge("n3", 4)], "n2 has it");
    let ok = r#"{"src":"n3","dest":"n1","body":{"type":"vc_merge_ok","in_reply_to":4,"msg_id":9}}"#;
    node.line(ok);
    assert!(node.advance(Duration::from_secs(60)).is_empty(), "nothing is left to be told");
}

#[test]
fn what_was_heard_is_passed_on_to_others_once() {
    let mut node = script("n3", &["n1", "n2", "n3"]);
    let merge = r#"{"src":"n1","dest":"n3","body":{"type":"vc_merge","msg_id":2,"objects":[{"key":1,"seen":{"c1":1},"versions":[{"writer":"c1","number":1,"context":{},"value":[1.50]}]}]}}"#;
    assert_eq!(node.line(merge).len(), 1, "acknowledged");
    let told = node.advance(Duration::from_millis(50));
    assert_eq!(told.len(), 1);
    assert!(told[0].contains(r#""dest":"n2""#) && told[0].contains("[1.50]"), "{told:?}");
    node.line(merge);
    let ok = r#"{"src":"n2","dest":"n3","body":{"type":"vc_merge_ok","in_reply_to":2,"msg_id":9}}"#;
    node.line(ok);
    assert!(node.advance(Duration::from_secs(5)).is_empty(), "known already");
}

#[test]
fn a_restarted_node_has_its_values_and_tells_everybody_once_more() {
    let mut first = Script::with_records(Siblings::default(), 1, Some(proto::Records::new()));
    first.init("n1", &["n1", "n2"]);
    first.line(WRITE);
    let mut second = Script::with_records(Siblings::default(), 1, Some(first.records().clone()));
    second.init("n1", &["n1", "n2"]);
    let key = Json::from("x");
    assert_eq!(second.node().values(&key), first.node().values(&key));
    assert_eq!(second.advance(Duration::from_millis(50)).len(), 1);
    second.line(WRITE);
    let counters: Vec<_> = second.node().values(&key).into_iter().map(|value| value.vc).collect();
    assert_eq!(counters, [Vector::from([(NodeId::new("c1"), 2)])], "it counts on");
}

#[test]
fn an_unreadable_record_is_said_and_nothing_is_answered_from_it() {
    let records = proto::Records::from([(b"x".to_vec(), b"{".to_vec())]);
    let mut node = Script::with_records(Siblings::default(), 1, Some(records));
    node.init("n1", &["n1"]);
    for request in
        [WRITE, r#"{"src":"c1","dest":"n1","body":{"type":"vc_read","msg_id":2,"key":"x"}}"#]
    {
        assert!(node.line(request)[0].contains(r#""code":14"#));
    }
    assert!(node.logs()[0].starts_with("nothing can be read or written: a record"));
    assert!(node.logs()[0].ends_with("or remove it to start empty"));
}
