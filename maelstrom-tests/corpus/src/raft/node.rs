//! The node.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::time::Duration;

use proto::{
    Aspect, Caller, Context, Error, ErrorCode, Json, Node, NodeId, Outcome, Records, Time,
};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::{Last, Rules};
use crate::bodies::RegisterBody;

const TICK: Duration = Duration::from_millis(25);
/// Followers campaign after once to twice this.
const ELECTION_MS: u64 = 150;
const FORWARD: Duration = Duration::from_millis(800);
/// Entries in one message: with few, old entries reach a majority well before new ones.
const ENTRIES_MAX: usize = 2;

/// Who asked for a command: a life of a node, and the how-manieth request of that life.
type Origin = (u64, u64);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub(super) term: u64,
    origin: Origin,
    command: Body,
}

/// Between nodes. Indices count from 1; 0 is before the first entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Peer {
    RequestVote { term: u64, last_index: usize, last_term: u64 },
    Vote { term: u64, granted: bool },
    Append { term: u64, previous: usize, previous_term: u64, entries: Vec<Entry>, commit: usize },
    Appended { term: u64, sent_in: u64, success: bool, index: usize },
    Forward { origin: Origin, command: Box<Body> },
}

type Body = RegisterBody<Peer>;

#[derive(Clone, Debug)]
pub enum Token {
    Tick,
    /// A client whose request was passed on to the leader.
    Forwarded(Caller),
}

#[derive(Debug, Default)]
pub(super) enum Role {
    #[default]
    Follower,
    Candidate {
        votes: Vec<NodeId>,
    },
    Leader {
        next: BTreeMap<NodeId, usize>,
        matched: BTreeMap<NodeId, usize>,
    },
}

/// A node of a store on Raft.
#[derive(Default, Debug)]
pub struct Raft<R> {
    pub(super) term: u64,
    voted_for: Option<NodeId>,
    pub(super) log: Vec<Entry>,
    pub(super) role: Role,
    leader: Option<NodeId>,
    election_due: Time,
    pub(super) commit: usize,
    applied: usize,
    values: BTreeMap<Json, Json>,
    done: BTreeSet<Origin>,
    /// This life, and the requests that it has seen.
    life: u64,
    requests: u64,
    /// Clients that wait for an entry: its term, and who.
    waiting: BTreeMap<usize, (u64, Caller)>,
    rules: PhantomData<R>,
}

impl<R: Rules> Raft<R> {
    pub(super) fn term_at(&self, index: usize) -> Option<u64> {
        match index.checked_sub(1) {
            None => Some(0),
            Some(at) => self.log.get(at).map(|entry| entry.term),
        }
    }

    fn last(&self) -> Last {
        let index = self.log.len();
        Last { term: self.term_at(index).unwrap_or(0), index }
    }

    fn put_off_election(&mut self, ctx: &mut Context<'_, Self>) {
        let wait = ctx.random().random_range(ELECTION_MS..2 * ELECTION_MS);
        self.election_due = ctx.now() + Duration::from_millis(wait);
    }

    fn store_ballot(&self, ctx: &mut Context<'_, Self>) {
        if R::stores_ballot() {
            ctx.put("ballot", json(&(self.term, &self.voted_for)));
        }
    }

    fn store_entry(&self, index: usize, ctx: &mut Context<'_, Self>) {
        ctx.put(format!("log {index:09}"), json(&self.log[index - 1]));
    }

    fn see_term(&mut self, term: u64, ctx: &mut Context<'_, Self>) {
        if term > self.term {
            (self.term, self.voted_for, self.leader) = (term, None, None);
            self.follow(ctx);
            self.store_ballot(ctx);
        }
    }

    /// Leads no more. What clients of an earlier leadership wait for may still be committed.
    fn follow(&mut self, ctx: &mut Context<'_, Self>) {
        let led = matches!(self.role, Role::Leader { .. });
        self.role = Role::Follower;
        if led && R::refuses_what_waited() {
            for (_, client) in std::mem::take(&mut self.waiting).into_values() {
                ctx.reply_error(&client, Error::temporarily_unavailable("deposed"));
            }
        }
    }

    fn campaign(&mut self, ctx: &mut Context<'_, Self>) {
        self.term += 1;
        self.voted_for = Some(ctx.id().clone());
        self.leader = None;
        self.store_ballot(ctx);
        self.role = Role::Candidate { votes: vec![ctx.id().clone()] };
        self.put_off_election(ctx);
        let Last { term: last_term, index: last_index } = self.last();
        send_all(Peer::RequestVote { term: self.term, last_index, last_term }, ctx);
    }

    fn send_entries(&mut self, to: &NodeId, ctx: &mut Context<'_, Self>) {
        let Role::Leader { next, matched } = &mut self.role else { return };
        let previous = next[to] - 1;
        let entries: Vec<_> = self.log[previous..].iter().take(ENTRIES_MAX).cloned().collect();
        let known = matched.entry(to.clone()).or_default();
        *known = R::matched_when_sent(*known, previous + entries.len());
        let (term, commit) = (self.term, self.commit);
        let previous_term = self.term_at(previous).unwrap_or(0);
        ctx.send(to, Body::Peer(Peer::Append { term, previous, previous_term, entries, commit }));
    }

    fn propose(
        &mut self,
        from: Caller,
        origin: Origin,
        command: Body,
        ctx: &mut Context<'_, Self>,
    ) {
        self.log.push(Entry { term: self.term, origin, command });
        let index = self.log.len();
        self.store_entry(index, ctx);
        self.waiting.insert(index, (self.term, from));
        for peer in peers(ctx) {
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
        let entry = self.term_at(index).unwrap_or(0);
        if index > self.commit && R::may_commit(entry, self.term) {
            self.commit = index;
            self.apply(ctx);
        }
    }

    fn apply(&mut self, ctx: &mut Context<'_, Self>) {
        while self.applied < self.commit.min(self.log.len()) {
            self.applied += 1;
            let Entry { term, origin, command } = self.log[self.applied - 1].clone();
            let is_new = self.done.insert(origin);
            let answer = match is_new || !R::applies_once() {
                true => self.execute(command),
                false => Err(Error::new(ErrorCode::Timeout, "carried out before")),
            };
            if let Some((proposed, client)) = self.waiting.remove(&self.applied)
                && proposed == term
            {
                answer_client(&client, answer, ctx);
            }
        }
    }

    fn execute(&mut self, command: Body) -> Result<Body, Error> {
        command.execute(&mut self.values)
    }

    fn vote(&mut self, from: &NodeId, last: Last, ctx: &mut Context<'_, Self>) -> bool {
        let granted =
            R::may_vote(self.voted_for.as_ref(), from) && R::is_up_to_date(last, self.last());
        if granted {
            self.voted_for = Some(from.clone());
            self.store_ballot(ctx);
            self.put_off_election(ctx);
        }
        granted
    }

    fn lead(&mut self, ctx: &mut Context<'_, Self>) {
        let (mut next, mut matched) = (BTreeMap::new(), BTreeMap::new());
        for peer in peers(ctx) {
            next.insert(peer.clone(), self.log.len() + 1);
            matched.insert(peer, 0);
        }
        self.role = Role::Leader { next, matched };
        self.leader = Some(ctx.id().clone());
        for peer in peers(ctx) {
            self.send_entries(&peer, ctx);
        }
    }

    /// Takes entries that follow on `index`, and returns the index of the last one.
    fn take(
        &mut self,
        mut index: usize,
        entries: Vec<Entry>,
        ctx: &mut Context<'_, Self>,
    ) -> usize {
        if !R::keeps_what_agrees() {
            self.truncate(index, ctx);
        }
        for entry in entries {
            index += 1;
            if self.term_at(index) == Some(entry.term) {
                continue;
            }
            self.truncate(index - 1, ctx);
            self.log.push(entry);
            index = self.log.len();
            self.store_entry(index, ctx);
        }
        index
    }

    fn truncate(&mut self, length: usize, ctx: &mut Context<'_, Self>) {
        if length < self.log.len() {
            self.log.truncate(length);
            if R::stores_truncation() {
                ctx.delete_range(format!("log {:09}", length + 1), "log :");
            }
        }
    }

    fn receive(&mut self, from: Caller, message: Peer, ctx: &mut Context<'_, Self>) {
        let sender = from.id.clone();
        match message {
            Peer::RequestVote { term, last_index, last_term } => {
                self.see_term(term, ctx);
                let last = Last { term: last_term, index: last_index };
                let granted = term == self.term && self.vote(&sender, last, ctx);
                ctx.send(&sender, Body::Peer(Peer::Vote { term: self.term, granted }));
            }
            Peer::Vote { term, granted } => {
                self.see_term(term, ctx);
                let majority = R::majority(ctx.node_ids().len());
                let Role::Candidate { votes } = &mut self.role else { return };
                if granted && R::counts_vote(term, self.term) {
                    R::add_vote(votes, sender);
                }
                if votes.len() >= majority {
                    self.lead(ctx);
                }
            }
            Peer::Append { term, previous, previous_term, entries, commit } => {
                self.see_term(term, ctx);
                let (mut success, mut index) = (false, previous);
                if term == self.term {
                    if R::forgets_vote_in_term() && !matches!(self.role, Role::Follower) {
                        self.voted_for = None;
                    }
                    self.follow(ctx);
                    self.leader = Some(sender.clone());
                    self.put_off_election(ctx);
                    success = R::follows(self.term_at(previous), previous_term);
                }
                if success {
                    index = self.take(previous.min(self.log.len()), entries, ctx);
                    let heard = R::follower_commits(commit, index, self.log.len());
                    self.commit = R::committed_after(self.commit, heard);
                    self.apply(ctx);
                }
                let answer = Peer::Appended { term: self.term, sent_in: term, success, index };
                ctx.send(&sender, Body::Peer(answer));
            }
            Peer::Appended { term, sent_in, success, index } => {
                self.see_term(term, ctx);
                self.answered(&sender, sent_in, success, index, ctx);
            }
            Peer::Forward { origin, command } => match self.role {
                Role::Leader { .. } => self.propose(from, origin, *command, ctx),
                // Another copy of this may have come while this node led, so nobody can say that it failed.
                _ => ctx.reply_error(&from, Error::new(ErrorCode::Timeout, "leads no more")),
            },
        }
    }

    fn answered(
        &mut self,
        from: &NodeId,
        sent_in: u64,
        success: bool,
        index: usize,
        ctx: &mut Context<'_, Self>,
    ) {
        let last = self.log.len();
        let Role::Leader { next, matched } = &mut self.role else { return };
        if !R::counts_answer(sent_in, self.term) {
            return;
        }
        let known = matched.entry(from.clone()).or_default();
        let before = *known;
        if success {
            *known = R::matched_after(*known, index.min(last));
            next.insert(from.clone(), *known + 1);
        } else {
            next.insert(from.clone(), index.clamp(1, last + 1));
        }
        // Without news of the follower the next tick sends. If every answer did, also one that comes twice,
        // each exchange would make more than one of the next, until there is no room for messages.
        if *known > before && *known < last {
            self.send_entries(from, ctx);
        }
        self.advance_commit(ctx);
    }
}

impl<R: Rules> Node for Raft<R> {
    type Body = Body;
    type Token = Token;

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        for (key, record) in restored {
            // Nobody else writes here.
            if key == b"ballot" {
                (self.term, self.voted_for) = serde_json::from_slice(&record).unwrap_or_default();
            } else if let Ok(entry) = serde_json::from_slice(&record) {
                self.log.push(entry);
            }
        }
        self.life = ctx.random().random();
        self.put_off_election(ctx);
        ctx.set_timer(TICK, Token::Tick);
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let leads = matches!(self.role, Role::Leader { .. });
        match body {
            Body::Peer(message) => self.receive(from, message, ctx),
            read @ Body::Read { .. } if leads && R::reads_at_once() || R::follower_reads() => {
                if matches!(read, Body::Read { .. }) {
                    let answer = self.execute(read);
                    return answer_client(&from, answer, ctx);
                }
                self.ask(from, read, ctx);
            }
            command => self.ask(from, command, ctx),
        }
    }

    fn outcome(&mut self, token: Token, outcome: Outcome<Body>, ctx: &mut Context<'_, Self>) {
        let Token::Forwarded(client) = token else { return };
        let answer = match outcome {
            Outcome::Reply(body) => Ok(body),
            Outcome::Error(error) => Err(error),
            Outcome::Timeout => Err(Error::new(ErrorCode::Timeout, "no answer of the leader")),
        };
        answer_client(&client, answer, ctx);
    }

    fn aspects(&self, aspects: &mut Vec<Aspect>) {
        let role = match self.role {
            Role::Follower => 0,
            Role::Candidate { .. } => 1,
            Role::Leader { .. } => 2,
        };
        let Last { term, index } = self.last();
        aspects.extend([
            Aspect::Plain(role),
            Aspect::Rank(self.term),
            Aspect::Rank(term),
            Aspect::Rank(index as u64),
            Aspect::Rank(self.commit as u64),
        ]);
    }

    fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader { .. })
    }

    fn timer(&mut self, _: Token, ctx: &mut Context<'_, Self>) {
        ctx.set_timer(TICK, Token::Tick);
        if matches!(self.role, Role::Leader { .. }) {
            for peer in peers(ctx) {
                self.send_entries(&peer, ctx);
            }
        } else if ctx.now() >= self.election_due {
            self.campaign(ctx);
        }
    }
}

impl<R: Rules> Raft<R> {
    /// Has a client's command proposed, here or by the leader.
    fn ask(&mut self, from: Caller, command: Body, ctx: &mut Context<'_, Self>) {
        self.requests += 1;
        let origin = (self.life, self.requests);
        if matches!(self.role, Role::Leader { .. }) {
            return self.propose(from, origin, command, ctx);
        }
        match self.leader.clone() {
            Some(leader) => {
                let forward = Peer::Forward { origin, command: Box::new(command) };
                ctx.call(&leader, Body::Peer(forward), FORWARD, Token::Forwarded(from));
            }
            None => ctx.reply_error(&from, Error::temporarily_unavailable("no leader")),
        }
    }
}

fn answer_client<R: Rules>(
    client: &Caller,
    answer: Result<Body, Error>,
    ctx: &mut Context<'_, Raft<R>>,
) {
    match answer {
        Ok(body) => ctx.reply(client, body),
        Err(error) => ctx.reply_error(client, error),
    }
}

fn peers<R: Rules>(ctx: &Context<'_, Raft<R>>) -> Vec<NodeId> {
    ctx.peers().cloned().collect()
}

fn send_all<R: Rules>(message: Peer, ctx: &mut Context<'_, Raft<R>>) {
    for peer in peers(ctx) {
        ctx.send(&peer, Body::Peer(message.clone()));
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
