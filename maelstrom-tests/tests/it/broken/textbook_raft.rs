//! Raft as the paper's figure 2 has it, no more, and three ways to get it wrong: a leader that answers
//! reads without asking whether it still leads, entries of older terms that are committed by
//! counting (figure 8), and a vote that is forgotten in a restart. All reads go through the log where
//! it is right.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use corpus::bodies::RegisterBody;
use eddy::options::{FaultKind, Options};
use eddy::outcome::FailureKind;
use eddy::workload::registry::named;
use proto::{
    Caller, Context, Error, ErrorCode, Insides, Invariant, Json, Node, NodeId, Outcome, Records,
    Time,
};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::{Bug, runs};

const TICK: Duration = Duration::from_millis(25);
const ELECTION_MS: u64 = 150;
const FORWARD: Duration = Duration::from_millis(800);
/// Entries in one message: with few, old entries reach a majority well before new ones.
const ENTRIES_MAX: usize = 1;

/// What is wrong with a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Defect {
    None,
    /// A leader answers reads from its state, though another may lead by now.
    DeposedReads,
    /// What a majority has is committed, whatever its term.
    OldTermsByCounting,
    /// Term and vote are not stored.
    ForgottenVotes,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    term: u64,
    command: Body,
}

/// Between nodes. Indices count from 1; 0 is before the first entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Peer {
    RequestVote { term: u64, last_index: usize, last_term: u64 },
    Vote { term: u64, granted: bool },
    Append { term: u64, previous: usize, previous_term: u64, entries: Vec<Entry>, commit: usize },
    Appended { term: u64, success: bool, index: usize },
}

type Body = RegisterBody<Peer>;

#[derive(Clone, Debug)]
enum Token {
    Tick,
    /// A client whose request was passed on to the leader.
    Forwarded(Caller),
}

enum Role {
    Follower,
    Candidate { votes: BTreeSet<NodeId> },
    Leader { next: BTreeMap<NodeId, usize>, matched: BTreeMap<NodeId, usize> },
}

struct TextbookRaft {
    defect: Defect,
    term: u64,
    voted_for: Option<NodeId>,
    log: Vec<Entry>,
    role: Role,
    leader: Option<NodeId>,
    election_due: Time,
    commit: usize,
    applied: usize,
    values: BTreeMap<Json, Json>,
    /// Clients that wait for an entry: its term, and who.
    waiting: BTreeMap<usize, (u64, Caller)>,
}

impl TextbookRaft {
    fn new(defect: Defect) -> Self {
        Self {
            defect,
            term: 0,
            voted_for: None,
            log: Vec::new(),
            role: Role::Follower,
            leader: None,
            election_due: Time::ZERO,
            commit: 0,
            applied: 0,
            values: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    fn term_at(&self, index: usize) -> u64 {
        index.checked_sub(1).and_then(|at| self.log.get(at)).map_or(0, |entry| entry.term)
    }

    fn put_off_election(&mut self, ctx: &mut Context<'_, Self>) {
        let wait = ctx.random().random_range(ELECTION_MS..2 * ELECTION_MS);
        self.election_due = ctx.now() + Duration::from_millis(wait);
    }

    fn store_vote(&self, ctx: &mut Context<'_, Self>) {
        if self.defect != Defect::ForgottenVotes {
            let vote = serde_json::to_vec(&(self.term, &self.voted_for)).expect("JSON");
            ctx.put("vote", vote);
        }
    }

    fn store_entry(&self, index: usize, ctx: &mut Context<'_, Self>) {
        let entry = serde_json::to_vec(&self.log[index - 1]).expect("JSON");
        ctx.put(format!("log {index:09}"), entry);
    }

    fn see_term(&mut self, term: u64, ctx: &mut Context<'_, Self>) {
        if term > self.term {
            (self.term, self.voted_for, self.leader) = (term, None, None);
            self.role = Role::Follower;
            self.store_vote(ctx);
        }
    }

    fn campaign(&mut self, ctx: &mut Context<'_, Self>) {
        self.term += 1;
        self.voted_for = Some(ctx.id().clone());
        self.leader = None;
        self.store_vote(ctx);
        self.role = Role::Candidate { votes: BTreeSet::from([ctx.id().clone()]) };
        self.put_off_election(ctx);
        let (last_index, last_term) = (self.log.len(), self.term_at(self.log.len()));
        for peer in ctx.peers().cloned().collect::<Vec<_>>() {
            let body = Peer::RequestVote { term: self.term, last_index, last_term };
            ctx.send(&peer, Body::Peer(body));
        }
    }

    fn send_entries(&self, to: &NodeId, ctx: &mut Context<'_, Self>) {
        let Role::Leader { next, .. } = &self.role else { return };
        let previous = next[to] - 1;
        let entries = self.log[previous..].iter().take(ENTRIES_MAX).cloned().collect();
        let (term, previous_term) = (self.term, self.term_at(previous));
        let commit = self.commit;
        let body = Peer::Append { term, previous, previous_term, entries, commit };
        ctx.send(to, Body::Peer(body));
    }

    fn propose(&mut self, from: Caller, command: Body, ctx: &mut Context<'_, Self>) {
        self.log.push(Entry { term: self.term, command });
        let index = self.log.len();
        self.store_entry(index, ctx);
        self.waiting.insert(index, (self.term, from));
        for peer in ctx.peers().cloned().collect::<Vec<_>>() {
            self.send_entries(&peer, ctx);
        }
    }

    fn advance_commit(&mut self, ctx: &mut Context<'_, Self>) {
        let Role::Leader { matched, .. } = &self.role else { return };
        let mut indices: Vec<usize> = matched.values().copied().collect();
        indices.push(self.log.len());
        indices.sort_unstable();
        // So many and more are on a majority.
        let index = indices[(indices.len() - 1) / 2];
        let countable =
            self.term_at(index) == self.term || self.defect == Defect::OldTermsByCounting;
        if index > self.commit && countable {
            self.commit = index;
            self.apply(ctx);
        }
    }

    fn apply(&mut self, ctx: &mut Context<'_, Self>) {
        while self.applied < self.commit {
            self.applied += 1;
            let Entry { term, command } = self.log[self.applied - 1].clone();
            let answer = self.execute(command);
            if let Some((proposed, client)) = self.waiting.remove(&self.applied)
                && proposed == term
            {
                match answer {
                    Ok(body) => ctx.reply(&client, body),
                    Err(error) => ctx.reply_error(&client, error),
                }
            }
        }
    }

    fn execute(&mut self, command: Body) -> Result<Body, Error> {
        let missing = || Error::new(ErrorCode::KeyDoesNotExist, "no value");
        match command {
            Body::Read { key } => {
                let value = self.values.get(&key).cloned().ok_or_else(missing)?;
                Ok(Body::ReadOk { value })
            }
            Body::Write { key, value } => {
                self.values.insert(key, value);
                Ok(Body::WriteOk)
            }
            Body::Cas { key, from, to } => {
                let value = self.values.get_mut(&key).ok_or_else(missing)?;
                if *value != from {
                    return Err(Error::new(ErrorCode::PreconditionFailed, "another value"));
                }
                *value = to;
                Ok(Body::CasOk)
            }
            _ => Err(Error::malformed_request("no command")),
        }
    }

    fn receive(&mut self, from: NodeId, message: Peer, ctx: &mut Context<'_, Self>) {
        match message {
            Peer::RequestVote { term, last_index, last_term } => {
                self.see_term(term, ctx);
                let last = self.log.len();
                let up_to_date = (last_term, last_index) >= (self.term_at(last), last);
                let free = self.voted_for.as_ref().is_none_or(|voted_for| *voted_for == from);
                let granted = term == self.term && free && up_to_date;
                if granted {
                    self.voted_for = Some(from.clone());
                    self.store_vote(ctx);
                    self.put_off_election(ctx);
                }
                ctx.send(&from, Body::Peer(Peer::Vote { term: self.term, granted }));
            }
            Peer::Vote { term, granted } => {
                self.see_term(term, ctx);
                let majority = ctx.node_ids().len() / 2 + 1;
                let Role::Candidate { votes } = &mut self.role else { return };
                if granted && term == self.term {
                    votes.insert(from);
                }
                if votes.len() >= majority {
                    let peers: Vec<NodeId> = ctx.peers().cloned().collect();
                    let each = |index: usize| peers.iter().cloned().map(move |peer| (peer, index));
                    let (next, matched) = (each(self.log.len() + 1), each(0));
                    self.role = Role::Leader { next: next.collect(), matched: matched.collect() };
                    self.leader = Some(ctx.id().clone());
                    for peer in &peers {
                        self.send_entries(peer, ctx);
                    }
                }
            }
            Peer::Append { term, previous, previous_term, entries, commit } => {
                self.see_term(term, ctx);
                let mut success = false;
                let mut index = previous;
                if term == self.term {
                    self.role = Role::Follower;
                    self.leader = Some(from.clone());
                    self.put_off_election(ctx);
                    success = previous <= self.log.len() && self.term_at(previous) == previous_term;
                }
                if success {
                    for entry in entries {
                        index += 1;
                        if self.term_at(index) == entry.term {
                            continue;
                        }
                        self.log.truncate(index - 1);
                        ctx.delete_range(format!("log {index:09}"), "log :");
                        self.log.push(entry);
                        self.store_entry(index, ctx);
                    }
                    self.commit = self.commit.max(commit.min(index));
                    self.apply(ctx);
                }
                ctx.send(&from, Body::Peer(Peer::Appended { term: self.term, success, index }));
            }
            Peer::Appended { term, success, index } => {
                self.see_term(term, ctx);
                let last = self.log.len();
                let Role::Leader { next, matched } = &mut self.role else { return };
                if term != self.term {
                    return;
                }
                if success {
                    let matched = matched.entry(from.clone()).or_default();
                    *matched = (*matched).max(index);
                    next.insert(from.clone(), *matched + 1);
                } else {
                    next.insert(from.clone(), index.max(1));
                }
                if next[&from] <= last {
                    self.send_entries(&from, ctx);
                }
                self.advance_commit(ctx);
            }
        }
    }
}

impl Node for TextbookRaft {
    type Body = Body;
    type Token = Token;

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        for (key, record) in restored {
            if key == b"vote" {
                (self.term, self.voted_for) = serde_json::from_slice(&record).expect("a vote");
            } else {
                self.log.push(serde_json::from_slice(&record).expect("an entry"));
            }
        }
        self.put_off_election(ctx);
        ctx.set_timer(TICK, Token::Tick);
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Peer(message) => self.receive(from.id, message, ctx),
            read @ Body::Read { .. }
                if matches!(self.role, Role::Leader { .. })
                    && self.defect == Defect::DeposedReads =>
            {
                match self.execute(read) {
                    Ok(body) => ctx.reply(&from, body),
                    Err(error) => ctx.reply_error(&from, error),
                }
            }
            command if matches!(self.role, Role::Leader { .. }) => {
                self.propose(from, command, ctx);
            }
            command => match self.leader.clone() {
                Some(leader) if from.id.is_client() => {
                    ctx.call(&leader, command, FORWARD, Token::Forwarded(from));
                }
                _ => ctx.reply_error(&from, Error::temporarily_unavailable("no leader")),
            },
        }
    }

    fn outcome(&mut self, token: Token, outcome: Outcome<Body>, ctx: &mut Context<'_, Self>) {
        let Token::Forwarded(client) = token else { return };
        match outcome {
            Outcome::Reply(body) => ctx.reply(&client, body),
            Outcome::Error(error) => ctx.reply_error(&client, error),
            Outcome::Timeout => {
                ctx.reply_error(&client, Error::new(ErrorCode::Timeout, "no answer of the leader"));
            }
        }
    }

    fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader { .. })
    }

    fn timer(&mut self, _: Token, ctx: &mut Context<'_, Self>) {
        ctx.set_timer(TICK, Token::Tick);
        if matches!(self.role, Role::Leader { .. }) {
            for peer in ctx.peers().cloned().collect::<Vec<_>>() {
                self.send_entries(&peer, ctx);
            }
        } else if ctx.now() >= self.election_due {
            self.campaign(ctx);
        }
    }
}

/// State machine safety: no two nodes commit different entries at an index. Holds the term of each
/// committed entry that was seen.
struct SafeLog(Vec<u64>);

impl Invariant for SafeLog {
    fn look(&mut self, cluster: &dyn Insides, index: usize) -> Result<(), String> {
        let Self(seen) = self;
        let Some(node) = cluster.node(index).downcast_ref::<TextbookRaft>() else { return Ok(()) };
        for at in seen.len() + 1..=node.commit {
            seen.push(node.term_at(at));
        }
        let last = node.commit;
        if last > 0 && seen[last - 1] != node.term_at(last) {
            return Err(format!("different entries were committed at index {last}"));
        }
        Ok(())
    }
}

/// Frequent faults, so that leaders change all the time.
fn turmoil(nemesis: &[FaultKind]) -> Options {
    let mut options = runs(named("lin-kv"), nemesis);
    options.nemesis_interval = Duration::from_millis(400);
    options.latency = Duration::from_millis(5);
    options
}

/// The same with messages so slow, and requests so rare, that a new leader has nothing of its own
/// term to send for a while.
fn slow_turmoil() -> Options {
    let mut options = turmoil(&[FaultKind::Partition]);
    options.nemesis_interval = Duration::from_millis(300);
    options.latency = Duration::from_millis(20);
    options.rate = 5.0;
    options
}

fn bug(options: Options, within: u64, make: fn() -> TextbookRaft) -> Bug<TextbookRaft> {
    Bug { options, durable: true, within, make, invariant: Some(|| Box::new(SafeLog(Vec::new()))) }
}

#[test]
fn raft_by_the_book_is_right() {
    use FaultKind::{Clock, Kill, Loss, OneWay, Partition, Pause};
    let make = || TextbookRaft::new(Defect::None);
    bug(slow_turmoil(), 60, make).is_right_under(&[Partition]);
    let right = bug(turmoil(&[]), 40, make);
    right.is_right_under(&[Partition, Kill]);
    right.is_right_under(&[Partition, OneWay, Kill, Pause, Loss, Clock]);
}

#[test]
fn partition_finds_reads_from_a_deposed_leader() {
    let make = || TextbookRaft::new(Defect::DeposedReads);
    bug(turmoil(&[FaultKind::Partition]), 5, make).is_found();
}

#[test]
fn partition_and_kill_find_votes_that_a_restart_forgets() {
    let make = || TextbookRaft::new(Defect::ForgottenVotes);
    let options = turmoil(&[FaultKind::Partition, FaultKind::Kill]);
    bug(options, 20, make).is_found_as(FailureKind::Invariant);
}

#[test]
fn partition_finds_entries_of_older_terms_committed_by_counting() {
    let make = || TextbookRaft::new(Defect::OldTermsByCounting);
    bug(slow_turmoil(), 20, make).is_found_as(FailureKind::Invariant);
}
