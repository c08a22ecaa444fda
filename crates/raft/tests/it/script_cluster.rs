//! The cluster of the golden scripts: nothing happens unless a script says so,
//! and everything that happens becomes a line of the trace.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use raft::{
    Apply, Ballot, ChangeRefused, Config, Configuration, Content, Entry, Incarnation, Invariants,
    LogIndex, MemberId, Message, Payload, Raft, ReadId, Record, Restored, Role, Snapshot, Term,
    Voters,
};

use crate::store::Store;

type State = BTreeMap<String, String>;
type Node = Raft<String, State>;

struct InFlight {
    from: MemberId,
    to: MemberId,
    message: Message<String, State>,
}

/// A cluster under the hand of a script.
pub(crate) struct ScriptCluster {
    now: Duration,
    gather_window: Duration,
    entries_per_message: usize,
    durable: bool,
    /// The first members.
    members: BTreeSet<MemberId>,
    nodes: Vec<Option<Node>>,
    stores: Vec<Store<String, State>>,
    states: Vec<State>,
    incarnations: Vec<Incarnation>,
    in_flight: Vec<InFlight>,
    cuts: BTreeSet<(MemberId, MemberId)>,
    invariants: Invariants<String>,
    trace: String,
}

impl ScriptCluster {
    pub(crate) fn new(
        nodes: usize,
        members: u64,
        gather_window: Duration,
        entries_per_message: usize,
        durable: bool,
    ) -> Self {
        let mut cluster = Self {
            now: Duration::ZERO,
            gather_window,
            entries_per_message,
            durable,
            members: (0..members).map(MemberId).collect(),
            nodes: (0..nodes).map(|_| None).collect(),
            stores: vec![Store::default(); nodes],
            states: vec![State::new(); nodes],
            incarnations: (0..nodes as u64).map(Incarnation).collect(),
            in_flight: Vec::new(),
            cuts: BTreeSet::new(),
            invariants: Invariants::new(),
            trace: String::new(),
        };
        for node in 0..nodes as u64 {
            cluster.start(MemberId(node));
        }
        cluster.trace.clear();
        cluster
    }

    pub(crate) fn take_trace(&mut self) -> String {
        std::mem::take(&mut self.trace)
    }

    fn line(&mut self, line: impl AsRef<str>) {
        self.trace.push_str(line.as_ref());
        self.trace.push('\n');
    }

    fn start(&mut self, id: MemberId) {
        let config = Config {
            id,
            members: self.members.clone(),
            election_timeout: Duration::from_millis(300),
            heartbeat_interval: Duration::from_millis(100),
            gather_window: self.gather_window,
            entries_per_message: self.entries_per_message,
            durable: self.durable,
        };
        let stored = self.stores[place(id)].stored.clone();
        let incarnation = self.incarnations[place(id)];
        self.states[place(id)] = State::new();
        self.invariants.restarted(id);
        self.nodes[place(id)] = Some(Raft::new(config, incarnation, stored, self.now, id.0));
        self.after_input(id, "");
    }

    /// Runs `input` on a node and writes down what came of it.
    fn input(&mut self, id: MemberId, input: impl FnOnce(&mut Node, Duration)) {
        let now = self.now;
        let Some(node) = &mut self.nodes[place(id)] else { return };
        let before = describe_role(node);
        input(node, now);
        self.after_input(id, &before);
    }

    fn after_input(&mut self, id: MemberId, role_before: &str) {
        let Some(node) = &mut self.nodes[place(id)] else { return };
        let output = node.take_output();
        let role = describe_role(node);
        let verdict = self.invariants.observe(node);
        let name = name(id);
        if role != role_before {
            self.line(format!("  {name} is {role}"));
        }
        for record in output.records {
            // Whom a node has met is in every trace, and says something in few of them.
            if !matches!(record, Record::Incarnations(_)) {
                self.line(format!("  {name} stores {}", describe_record(&record)));
            }
            self.stores[place(id)].write(record);
        }
        for apply in output.applies {
            self.apply(id, apply);
        }
        for read in output.reads_ready {
            let state = describe_state(&self.states[place(id)]);
            self.line(format!("  {name} answers read r{read}: {state}"));
        }
        for read in output.reads_refused {
            self.line(format!("  {name} refuses read r{read}"));
        }
        for change in output.changes {
            match change {
                Ok(()) => self.line(format!("  {name} has changed the members")),
                Err(reason) => {
                    self.line(format!(
                        "  {name} has not changed them: {}",
                        describe_refusal(reason)
                    ));
                }
            }
        }
        for command in output.dropped {
            self.line(format!("  {name} gives back {command}"));
        }
        for envelope in output.messages {
            let cut = self.cuts.contains(&(id, envelope.to));
            let message = InFlight { from: id, to: envelope.to, message: envelope.message };
            let lost = if cut { "  (lost)" } else { "" };
            self.line(format!("  {}{lost}", describe_message(&message)));
            if !cut {
                self.in_flight.push(message);
            }
        }
        if let Err(violation) = verdict {
            self.line(format!("  VIOLATION {violation}"));
        }
    }

    fn apply(&mut self, id: MemberId, apply: Apply<String, State>) {
        let line = match apply {
            Apply::Restore(snapshot) => {
                self.states[place(id)] = snapshot.state;
                format!("restores the state at {}", snapshot.index)
            }
            Apply::Entry(entry) => {
                if let Some((key, value)) = entry.command().and_then(|c| c.split_once('=')) {
                    self.states[place(id)].insert(key.to_owned(), value.to_owned());
                }
                format!("applies {}", describe_entry(&entry))
            }
        };
        self.line(format!("  {} {line}", name(id)));
    }

    /// Gives a node a log before the script starts: one entry a term.
    pub(crate) fn preset(&mut self, id: MemberId, terms: &[u64], current_term: u64) {
        let entries = (1..).zip(terms).map(|(index, &term)| Entry {
            term: Term(term),
            index: LogIndex(index),
            content: Content::Command(format!("c{index}={term}")),
        });
        let entries = entries.collect();
        self.stores[place(id)].stored =
            Restored { term: Term(current_term), entries, ..Restored::default() };
        self.start(id);
        self.trace.clear();
    }

    fn tick(&mut self, id: MemberId) {
        self.input(id, |node, now| {
            node.tick(now);
            // Or time would stand still, and the script never end.
            assert!(node.next_deadline() > now, "a deadline stays due");
        });
    }

    /// Lets time pass until the node campaigns; no other node notices.
    pub(crate) fn campaign(&mut self, id: MemberId) {
        let start = self.trace.len();
        for _ in 0..100 {
            let Some(node) = &self.nodes[place(id)] else { return };
            if self.trace[start..].contains("request_vote") {
                return;
            }
            self.now = self.now.max(node.next_deadline());
            self.tick(id);
        }
        panic!("{} does not campaign:\n{}", name(id), self.trace);
    }

    /// Lets time pass for all nodes, in which messages stay where they are.
    pub(crate) fn advance(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let deadlines = self.nodes.iter().flatten().map(|n| (n.next_deadline(), n.id()));
            let Some((deadline, id)) = deadlines.min().filter(|(at, _)| *at <= until) else {
                break;
            };
            self.now = self.now.max(deadline);
            self.tick(id);
        }
        self.now = until;
    }

    pub(crate) fn propose(&mut self, id: MemberId, command: &str) {
        let mut refused = false;
        self.input(id, |node, now| {
            refused = node.propose(now, command.to_owned()).is_err();
            if node.next_deadline() <= now {
                node.tick(now);
            }
        });
        if refused {
            self.line(format!("  {} refuses {command}", name(id)));
        }
    }

    pub(crate) fn read(&mut self, id: MemberId, read: u64) {
        self.input(id, |node, now| {
            node.read(now, ReadId(read));
            if node.next_deadline() <= now {
                node.tick(now);
            }
        });
    }

    /// Asks for this set of members.
    pub(crate) fn change(&mut self, id: MemberId, voters: &BTreeSet<MemberId>) {
        let mut refused = None;
        self.input(id, |node, now| refused = node.change_members(now, voters).err());
        if let Some(reason) = refused {
            self.line(format!("  {} refuses the change: {}", name(id), describe_refusal(reason)));
        }
    }

    pub(crate) fn transfer(&mut self, from: MemberId, to: MemberId) {
        self.input(from, |node, now| node.transfer_leadership(now, to));
    }

    pub(crate) fn compact(&mut self, id: MemberId, retained: u64) {
        let state = self.states[place(id)].clone();
        self.input(id, |node, _| node.compact(node.commit_index(), state, retained));
    }

    pub(crate) fn crash(&mut self, id: MemberId) {
        self.nodes[place(id)] = None;
    }

    pub(crate) fn restart(&mut self, id: MemberId) {
        self.start(id);
    }

    /// Restarts a node that has lost its storage.
    pub(crate) fn forget(&mut self, id: MemberId) {
        self.stores[place(id)] = Store::default();
        self.incarnations[place(id)] = Incarnation(self.incarnations[place(id)].0 + 100);
        self.start(id);
    }

    pub(crate) fn cut(&mut self, from: MemberId, to: MemberId) {
        self.cuts.insert((from, to));
    }

    pub(crate) fn heal(&mut self) {
        self.cuts.clear();
    }

    /// Delivers the messages that are under way now and match; not those they
    /// cause. Returns whether there were any.
    pub(crate) fn deliver(&mut self, matches: impl Fn(MemberId, MemberId) -> bool) -> bool {
        let (now, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.in_flight).into_iter().partition(|m| matches(m.from, m.to));
        self.in_flight = later;
        let any = !now.is_empty();
        for message in now {
            if self.nodes[place(message.to)].is_none() {
                self.line(format!("{}  (lost: down)", describe_message(&message)));
                continue;
            }
            self.line(describe_message(&message));
            self.input(message.to, |node, now| node.step(now, message.from, message.message));
        }
        any
    }

    /// Delivers messages until there are none.
    pub(crate) fn stabilize(&mut self) {
        for _ in 0..100 {
            assert!(self.in_flight.len() < 1000, "messages cause more messages:\n{}", self.trace);
            if !self.deliver(|_, _| true) {
                return;
            }
        }
        panic!("messages cause messages without end:\n{}", self.trace);
    }

    pub(crate) fn lose(&mut self, matches: impl Fn(MemberId, MemberId) -> bool) {
        let (lost, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.in_flight).into_iter().partition(|m| matches(m.from, m.to));
        self.in_flight = kept;
        for message in lost {
            self.line(format!("{}  (lost)", describe_message(&message)));
        }
    }

    pub(crate) fn status(&mut self) {
        for (id, node) in (0..).map(MemberId).zip(&self.nodes) {
            let name = name(id);
            let Some(node) = node else {
                let _ = writeln!(self.trace, "{name} down");
                continue;
            };
            let log = node.log();
            let entries: Vec<_> = log
                .entries_from(LogIndex(1), usize::MAX)
                .map(|entry| format!("{}@{}", entry.index, entry.term))
                .collect();
            let first = Configuration::of(self.members.iter().copied());
            let members = match node.configuration() {
                members if **members == first => String::new(),
                members => format!(" members={}", describe_configuration(members)),
            };
            let base = match log.snapshot() {
                Some(snapshot) => format!(" snapshot={}@{}", snapshot.index, snapshot.term),
                None => String::new(),
            };
            let _ = writeln!(
                self.trace,
                "{name} {}{} commit={}{base}{members} log=[{}]",
                describe_role(node),
                if node.is_isolated() { " (isolated)" } else { "" },
                node.commit_index(),
                entries.join(" "),
            );
        }
    }
}

/// Where a node is among all of them.
fn place(id: MemberId) -> usize {
    id.0 as usize
}

pub(crate) fn name(id: MemberId) -> String {
    format!("n{}", id.0 + 1)
}

fn describe_role(node: &Node) -> String {
    let role = match node.role() {
        Role::Follower(follower) => match follower.leader {
            Some(leader) => format!("follower of {}", name(leader)),
            None => "follower".to_owned(),
        },
        Role::PreCandidate(_) => "pre-candidate".to_owned(),
        Role::Candidate(_) => "candidate".to_owned(),
        Role::Leader(_) => "leader".to_owned(),
    };
    format!("{role} in term {}", node.term())
}

fn describe_entry(entry: &Entry<String>) -> String {
    let content = match &entry.content {
        Content::Noop => "no-op".to_owned(),
        Content::Command(command) => command.clone(),
        Content::Configuration(configuration) => describe_configuration(configuration),
    };
    format!("{}@{} {content}", entry.index, entry.term)
}

/// `{n1 n2}`, and `{n1 n2 → n2 n3}` while the members change; a named life after a colon.
fn describe_configuration(configuration: &Configuration) -> String {
    let names = |voters: &Voters| {
        let names = voters.iter().map(|(&id, life)| match life {
            Some(life) => format!("{}:{life}", name(id)),
            None => name(id),
        });
        names.collect::<Vec<_>>().join(" ")
    };
    let new = names(configuration.voters());
    match configuration.outgoing() {
        Some(old) => format!("{{{} → {new}}}", names(old)),
        None => format!("{{{new}}}"),
    }
}

fn describe_entries(entries: &[Entry<String>]) -> String {
    entries.iter().map(describe_entry).collect::<Vec<_>>().join(", ")
}

fn describe_refusal(reason: ChangeRefused) -> &'static str {
    match reason {
        ChangeRefused::NotLeading => "it does not lead",
        ChangeRefused::NotSettled => "nothing of its term is committed",
        ChangeRefused::Busy => "another change is under way",
        ChangeRefused::NobodyLeft => "nobody would be left",
        ChangeRefused::OutOfReach => "too few of them are within reach",
        ChangeRefused::TooSlow => "the new ones did not catch up",
        ChangeRefused::Unknown => "it is in the log, and this node leads no more",
    }
}

fn describe_state(state: &State) -> String {
    let pairs: Vec<_> = state.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { "nothing".to_owned() } else { pairs.join(" ") }
}

fn describe_record(record: &Record<String, State>) -> String {
    match record {
        Record::Ballot { term, voted_for: Some(node) } => {
            format!("term {term}, vote for {}", name(*node))
        }
        Record::Ballot { term, voted_for: None } => format!("term {term}, no vote"),
        Record::Truncate(from) => format!("a log cut off from {from} on"),
        Record::Append(entries) => describe_entries(entries),
        Record::Snapshot(Snapshot { index, term, .. }) => format!("a snapshot at {index}@{term}"),
        Record::Incarnations(_) => "whom it has met".to_owned(),
    }
}

fn describe_message(in_flight: &InFlight) -> String {
    let InFlight { from, to, message } = in_flight;
    let what = match &message.payload {
        Payload::RequestVote(request) => {
            let kind = match request.ballot {
                Ballot::PreVote => "pre-vote",
                Ballot::Vote => "vote",
                Ballot::Transfer => "vote, by order",
            };
            let (index, term) = (request.last_log_index, request.last_log_term);
            format!("request_vote ({kind}) log ends at {index}@{term}")
        }
        Payload::Vote(vote) => {
            let kind = if vote.pre_vote { "pre-vote" } else { "vote" };
            format!("{kind} {}", if vote.granted { "granted" } else { "refused" })
        }
        Payload::AppendEntries(append) if append.prev_log_index == LogIndex(0) => format!(
            "append_entries round {} from the start [{}] commit {}",
            append.round,
            describe_entries(&append.entries),
            append.leader_commit
        ),
        Payload::AppendEntries(append) => format!(
            "append_entries round {} after {}@{} [{}] commit {}",
            append.round,
            append.prev_log_index,
            append.prev_log_term,
            describe_entries(&append.entries),
            append.leader_commit
        ),
        Payload::AppendReply(reply) => match reply.outcome {
            Ok(index) => format!("append_entries_ok round {} match {index}", reply.round),
            Err(conflict) => {
                let hint = match conflict.term {
                    Some(term) => format!("term {term} begins at {}", conflict.index),
                    None => format!("log ends before {}", conflict.index),
                };
                format!("append_entries refused after {}: {hint}", conflict.rejected)
            }
        },
        Payload::InstallSnapshot { snapshot, round } => format!(
            "install_snapshot round {round} at {}@{}: {}",
            snapshot.index,
            snapshot.term,
            describe_state(&snapshot.state)
        ),
        Payload::TimeoutNow => "timeout_now".to_owned(),
    };
    format!("{} → {} [{}] {what}", name(*from), name(*to), message.term)
}
