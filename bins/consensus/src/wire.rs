//! Raft's messages as bodies, and back.

use std::sync::Arc;

use proto::NodeId;
use raft::{
    Configuration, Content, Incarnation, Incarnations, LogIndex, MemberId, Payload, Round, Term,
    Voters,
};

use crate::command::SharedCommand;
use crate::machine::Machine;
use crate::members::Members;
use crate::peer::{self, Peer, SharedState};

/// Raft over this node's commands and states.
pub type Raft<M> = raft::Raft<SharedCommand<M>, SharedState<M>>;
/// A message of Raft between our nodes.
pub type Message<M> = raft::Message<SharedCommand<M>, SharedState<M>>;

/// What kind of reply a request of a peer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyKind {
    /// `request_vote_ok`
    Vote,
    /// `append_entries_ok`
    Append,
    /// `install_snapshot_ok`
    Snapshot,
}

/// A message of Raft as it came.
#[derive(Debug)]
pub struct Incoming<M: Machine> {
    /// The message.
    pub message: Message<M>,
    /// The reply it wants, if it is a request.
    pub reply: Option<ReplyKind>,
    /// Whether it comes from a node of ours, which gets fields of our own.
    pub is_ours: bool,
}

/// Reads a message of Raft; gives the body back if it is none.
///
/// # Errors
///
/// The body, if it is none of Raft's.
pub fn decode<M: Machine>(body: Peer<M>, members: &Members) -> Result<Incoming<M>, Peer<M>> {
    let (term, incarnation, payload, reply) = match body {
        Peer::RequestVote(request) => {
            let payload = Payload::RequestVote(raft::RequestVote {
                ballot: match request.ballot {
                    peer::Ballot::Vote => raft::Ballot::Vote,
                    peer::Ballot::PreVote => raft::Ballot::PreVote,
                    peer::Ballot::Transfer => raft::Ballot::Transfer,
                },
                last_log_index: LogIndex(request.last_log_index),
                last_log_term: Term(request.last_log_term),
                incarnations: from_wire_incarnations(request.incarnations.as_ref(), members),
            });
            (request.term, request.incarnation, payload, Some(ReplyKind::Vote))
        }
        Peer::RequestVoteOk(reply) => {
            let vote = raft::Vote {
                pre_vote: reply.pre_vote,
                granted: reply.vote_granted,
                candidate: reply.candidate_incarnation.map(Incarnation),
                incarnations: reply
                    .incarnations
                    .map(|known| from_wire_incarnations(Some(&known), members)),
            };
            (reply.term, reply.incarnation, Payload::Vote(vote), None)
        }
        Peer::AppendEntries(mut append) => {
            let entries = std::mem::take(&mut append.entries).into_iter();
            let entries = entries.map(|entry| from_wire_entry(entry, members)).collect();
            let Some(entries) = entries else { return Err(Peer::AppendEntries(append)) };
            let append = *append;
            let payload = Payload::AppendEntries(raft::AppendEntries {
                round: Round(append.round.unwrap_or(0)),
                prev_log_index: LogIndex(append.prev_log_index),
                prev_log_term: Term(append.prev_log_term),
                entries,
                leader_commit: LogIndex(append.leader_commit),
                incarnations: append
                    .incarnations
                    .map(|known| from_wire_incarnations(Some(&known), members)),
            });
            (append.term, append.incarnation, payload, Some(ReplyKind::Append))
        }
        Peer::AppendEntriesOk(reply) => {
            let outcome = match reply.conflict {
                _ if reply.success => Ok(LogIndex(reply.match_index)),
                Some(conflict) => Err(raft::Conflict {
                    rejected: LogIndex(conflict.rejected),
                    term: conflict.term.map(Term),
                    index: LogIndex(conflict.index),
                }),
                None => Err(NO_CONFLICT),
            };
            // Without term and round nothing tells how old it is: term 0 is stale.
            let round = Round(reply.round.unwrap_or(0));
            let payload = Payload::AppendReply(raft::AppendReply { round, outcome });
            (reply.term.unwrap_or(0), reply.incarnation, payload, None)
        }
        Peer::InstallSnapshot(mut install) => {
            let configuration = from_wire_members(install.members.take(), members);
            let Some(configuration) = configuration else {
                return Err(Peer::InstallSnapshot(install));
            };
            let install = *install;
            let snapshot = raft::Snapshot {
                index: LogIndex(install.snapshot_index),
                term: Term(install.snapshot_term),
                configuration,
                state: install.state,
            };
            let payload = Payload::InstallSnapshot { snapshot, round: Round(install.round) };
            (install.term, install.incarnation, payload, Some(ReplyKind::Snapshot))
        }
        Peer::InstallSnapshotOk(reply) => {
            let outcome =
                if reply.applied { Ok(LogIndex(reply.new_last_applied)) } else { Err(NO_CONFLICT) };
            let round = Round(reply.round);
            let payload = Payload::AppendReply(raft::AppendReply { round, outcome });
            (reply.term, reply.incarnation, payload, None)
        }
        Peer::TimeoutNow(order) => (order.term, order.incarnation, Payload::TimeoutNow, None),
        other => return Err(other),
    };
    let message = Message { incarnation: incarnation.map(Incarnation), term: Term(term), payload };
    Ok(Incoming { message, reply, is_ours: incarnation.is_some() })
}

/// A refusal that says nothing about logs, as an earlier leader gets it.
const NO_CONFLICT: raft::Conflict =
    raft::Conflict { rejected: LogIndex(0), term: None, index: LogIndex(1) };

/// Writes a message of Raft. Replies go out as `reply` says.
#[must_use]
pub fn encode<M: Machine>(
    message: Message<M>,
    members: &Members,
    reply: Option<ReplyKind>,
    is_ours: bool,
) -> Peer<M> {
    let own = members.own_name();
    let term = message.term.0;
    let incarnation = message.incarnation.map(|incarnation| incarnation.0);
    match message.payload {
        Payload::RequestVote(request) => Peer::RequestVote(Box::new(peer::RequestVote {
            term,
            candidate_id: own.clone(),
            last_log_index: request.last_log_index.0,
            last_log_term: request.last_log_term.0,
            ballot: match request.ballot {
                raft::Ballot::Vote => peer::Ballot::Vote,
                raft::Ballot::PreVote => peer::Ballot::PreVote,
                raft::Ballot::Transfer => peer::Ballot::Transfer,
            },
            incarnation,
            incarnations: Some(to_wire_incarnations(&request.incarnations, members)),
        })),
        Payload::Vote(vote) => Peer::RequestVoteOk(peer::RequestVoteOk {
            term,
            vote_granted: vote.granted,
            pre_vote: vote.pre_vote,
            incarnation: incarnation.filter(|_| is_ours),
            candidate_incarnation: vote.candidate.map(|incarnation| incarnation.0),
            incarnations: vote.incarnations.map(|known| to_wire_incarnations(&known, members)),
        }),
        Payload::AppendEntries(append) => Peer::AppendEntries(Box::new(peer::AppendEntries {
            term,
            leader_id: own.clone(),
            prev_log_index: append.prev_log_index.0,
            prev_log_term: append.prev_log_term.0,
            entries: append.entries.into_iter().map(|e| to_wire_entry(e, members)).collect(),
            leader_commit: append.leader_commit.0,
            round: Some(append.round.0),
            incarnation,
            incarnations: append.incarnations.map(|known| to_wire_incarnations(&known, members)),
        })),
        Payload::AppendReply(answer) if reply == Some(ReplyKind::Snapshot) => {
            Peer::InstallSnapshotOk(peer::InstallSnapshotOk {
                applied: answer.outcome.is_ok(),
                new_last_applied: answer.outcome.map_or(0, |index| index.0),
                term,
                round: answer.round.0,
                incarnation,
            })
        }
        Payload::AppendReply(answer) => {
            let plain = peer::AppendEntriesOk {
                success: answer.outcome.is_ok(),
                match_index: answer.outcome.map_or(0, |index| index.0),
                ..peer::AppendEntriesOk::default()
            };
            if !is_ours {
                return Peer::AppendEntriesOk(plain);
            }
            let conflict = answer.outcome.err().map(|conflict| peer::Conflict {
                rejected: conflict.rejected.0,
                term: conflict.term.map(|term| term.0),
                index: conflict.index.0,
            });
            Peer::AppendEntriesOk(peer::AppendEntriesOk {
                term: Some(term),
                round: Some(answer.round.0),
                incarnation,
                conflict,
                ..plain
            })
        }
        Payload::InstallSnapshot { snapshot, round } => {
            Peer::InstallSnapshot(Box::new(peer::InstallSnapshot {
                term,
                leader_id: own.clone(),
                snapshot_index: snapshot.index.0,
                snapshot_term: snapshot.term.0,
                members: Some(to_wire_members(&snapshot.configuration, members)),
                state: snapshot.state,
                round: round.0,
                incarnation,
            }))
        }
        Payload::TimeoutNow => {
            Peer::TimeoutNow(peer::TimeoutNow { term, leader_id: own.clone(), incarnation })
        }
    }
}

fn to_wire_incarnations(known: &Incarnations, members: &Members) -> peer::Incarnations {
    known.iter().map(|(&node, life)| (members.name(node).clone(), life.0)).collect()
}

fn from_wire_incarnations(known: Option<&peer::Incarnations>, members: &Members) -> Incarnations {
    let named = known.into_iter().flatten();
    let known = named.filter_map(|(name, &life)| Some((members.id(name)?, Incarnation(life))));
    Arc::new(known.collect())
}

/// An entry of the log in JSON.
#[must_use]
pub fn to_wire_entry<M: Machine>(
    entry: raft::Entry<SharedCommand<M>>,
    members: &Members,
) -> peer::Entry<M> {
    let (command, configuration) = match entry.content {
        Content::Noop => (None, None),
        Content::Command(command) => (Some(command), None),
        Content::Configuration(voters) => (None, Some(to_wire_members(&voters, members))),
    };
    peer::Entry { term: entry.term.0, index: entry.index.0, command, members: configuration }
}

/// An entry of the log from JSON; `None` if it names nodes that nobody knows.
#[must_use]
pub fn from_wire_entry<M: Machine>(
    entry: peer::Entry<M>,
    members: &Members,
) -> Option<raft::Entry<SharedCommand<M>>> {
    let content = match entry.members {
        None => entry.command.into(),
        named => Content::Configuration(from_wire_members(named, members)?),
    };
    Some(raft::Entry { term: Term(entry.term), index: LogIndex(entry.index), content })
}

/// Who votes, in JSON.
#[must_use]
pub fn to_wire_members(configuration: &Configuration, members: &Members) -> peer::Members {
    let named = |voters: &Voters| -> peer::Voters {
        let voters = voters.iter();
        voters.map(|(&id, life)| (members.name(id).clone(), life.map(|life| life.0))).collect()
    };
    peer::Members {
        voters: named(configuration.voters()),
        outgoing: configuration.outgoing().map(named),
    }
}

/// Who votes, from JSON: the first members if nothing is said; `None` if it names nodes that nobody
/// knows.
#[must_use]
pub fn from_wire_members(
    named: Option<peer::Members>,
    members: &Members,
) -> Option<Arc<Configuration>> {
    let Some(peer::Members { voters, outgoing }) = named else {
        return Some(Arc::clone(members.first()));
    };
    let known = |named: peer::Voters| -> Option<Voters> {
        let voters = named.into_iter();
        voters.map(|(name, life)| Some((members.id(&name)?, life.map(Incarnation)))).collect()
    };
    let outgoing = match outgoing {
        Some(outgoing) => Some(known(outgoing)?),
        None => None,
    };
    Some(Arc::new(Configuration::from_parts(known(voters)?, outgoing)))
}

/// Whom a message says that it comes from, beside its sender.
fn claimed_sender<M: Machine>(body: &Peer<M>) -> Option<&NodeId> {
    match body {
        Peer::RequestVote(request) => Some(&request.candidate_id),
        Peer::AppendEntries(append) => Some(&append.leader_id),
        Peer::InstallSnapshot(install) => Some(&install.leader_id),
        Peer::TimeoutNow(order) => Some(&order.leader_id),
        _ => None,
    }
}

/// Raft's index for the sender of a message.
///
/// # Errors
///
/// What is wrong, if the sender is no member or says that it is another.
pub fn author<M: Machine>(
    members: &Members,
    sender: &NodeId,
    body: &Peer<M>,
) -> Result<MemberId, &'static str> {
    let author = members.id(sender).ok_or("the sender is no member of the cluster")?;
    match claimed_sender(body) {
        Some(claimed) if claimed != sender => Err("the sender is not whom the body names"),
        _ => Ok(author),
    }
}

#[cfg(test)]
mod tests;
