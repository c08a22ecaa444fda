//! Workload broadcast: `topology {topology}` before the run, then `broadcast {message}` answered by
//! `broadcast_ok {}` and `read {}` answered by `read_ok {messages}`; every worker reads at the end.

use checkers::history::{Event, Op};
use checkers::set::SetOp;
use proto::Json;
use serde::ser::SerializeMap;
use simulator::Random;

use super::topology::{TopologyName, neighbours};
use super::{
    Checked, Conditions, Expected, Flag, Headline, Kind, OnError, Question, SUBJECT, Step, Stored,
    Worker, Workload, set,
};
use crate::wire::{Fields, Request};
use crate::world::Topology;

/// `--topology`.
const TOPOLOGY: Flag = Flag {
    name: "topology",
    value_name: "T",
    default: "grid",
    help: "How the nodes are told to be linked: line, grid, tree, tree2, tree3, tree4 or total",
    check: |value| value.parse::<TopologyName>().map(drop),
};

/// See the module.
pub(super) const KIND: Kind = Kind {
    name: "broadcast",
    summary: "nodes spread values to all nodes",
    workers_per_node: 1,
    flags: &[TOPOLOGY],
    figures: set::FIGURES,
    headline: Headline::StableLatencies,
    stricter: set::STRICTER,
    begin: |conditions| Box::new(Broadcast::new(conditions)),
};

/// See the module.
struct Broadcast {
    topology: Topology,
    next: i64,
    has_read: Vec<bool>,
    reads: set::Reads,
}

/// An operation on the set of all messages.
#[derive(Clone, PartialEq, Debug)]
struct BroadcastOp(SetOp<Json>);

impl AsRef<SetOp<Json>> for BroadcastOp {
    fn as_ref(&self) -> &SetOp<Json> {
        &self.0
    }
}

impl Op for BroadcastOp {
    fn f(&self) -> &str {
        match self.0 {
            SetOp::Add { .. } => "broadcast",
            SetOp::Read { .. } => "read",
        }
    }

    fn is_completed_by(&self, completion: &Self) -> bool {
        self.0.is_completed_by(&completion.0)
    }

    fn write<M: SerializeMap>(&self, kind: checkers::Kind, line: &mut M) -> Result<(), M::Error> {
        self.0.write(kind, line)
    }
}

impl Broadcast {
    fn new(conditions: &Conditions<'_>) -> Self {
        let topology = neighbours(conditions.settings.get(&TOPOLOGY), conditions.nodes);
        Self { topology, next: 0, has_read: Vec::new(), reads: set::Reads::default() }
    }
}

fn topology(topology: &Topology) -> Request {
    // Names and lists of names always have a JSON form.
    let text = serde_json::to_string(topology).unwrap_or_default();
    Request::new("topology").with("topology", Json::parse(&text).unwrap_or_else(|_| Json::null()))
}

impl Workload for Broadcast {
    type Op = BroadcastOp;

    fn set_up(&self) -> Option<Request> {
        Some(topology(&self.topology))
    }

    fn operation(&mut self, _: Worker, random: &mut Random) -> BroadcastOp {
        BroadcastOp(set::operation(&mut self.next, random))
    }

    fn has_final_phase(&self) -> bool {
        true
    }

    fn final_operation(&mut self, worker: Worker) -> Option<BroadcastOp> {
        super::once(&mut self.has_read, worker).then_some(BroadcastOp(set::READ))
    }

    fn on_error(&self, op: &BroadcastOp) -> OnError {
        match op.0 {
            SetOp::Read { .. } => OnError::Idempotent,
            SetOp::Add { .. } => OnError::AsTheCodeSays,
        }
    }

    fn request(&self, op: &BroadcastOp) -> Request {
        match &op.0 {
            SetOp::Add { element } => Request::new("broadcast").with("message", element.clone()),
            SetOp::Read { .. } => Request::new("read"),
        }
    }

    fn accept(&self, op: &mut BroadcastOp, reply: &mut Fields<'_>) -> Result<(), String> {
        if let SetOp::Read { elements } = &mut op.0 {
            *elements = Some(reply.read("messages", |text| self.reads.read(text))?);
        }
        Ok(())
    }

    fn restore(&self, stored: &Stored, asked: Option<&BroadcastOp>) -> Result<BroadcastOp, String> {
        let asked = asked.map(|BroadcastOp(asked)| asked);
        set::restore("broadcast", stored, asked, &self.reads).map(BroadcastOp)
    }

    fn check(&self, history: &[Event<BroadcastOp>], _: &mut dyn FnMut() -> bool) -> Checked {
        set::check(history)
    }

    fn check_cut_short(
        &self,
        history: &[Event<BroadcastOp>],
        _: &mut dyn FnMut() -> bool,
    ) -> Checked {
        set::check_cut_short(history)
    }

    fn examination(&self) -> Vec<Step<BroadcastOp>> {
        let alone = Topology::from([(proto::NodeId::new(SUBJECT), Vec::new())]);
        let set_up = Question::SetUp(topology(&alone));
        let add = BroadcastOp(SetOp::Add { element: Json::from(1000) });
        vec![
            Step { question: set_up, expected: Expected::Reply },
            Step::new(add, Expected::Reply),
            Step::new(BroadcastOp(set::READ), set::has_1000()),
        ]
    }
}
