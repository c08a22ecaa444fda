//! The requests that clients gave this node and that are not answered yet, and
//! which refusal each may get.
//!
//! A refusal with a definite code promises that the request will never take
//! effect. That is certain as long as no leader has had it, or every leader
//! that had it gave it up for the whole of its term; and always for a read. As
//! soon as a write was once in some log, or nobody knows if it was, its
//! outcome is *uncertain*: it is tried again under the same id, which
//! the store applies once only, and in the end refused with an indefinite code.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{Caller, Error, ErrorCode, Time};
use raft::{ReadId, Term};

use crate::machine::{Access, Machine};

/// The most requests that may be open at a time; further ones are refused.
const OPEN_MAX: usize = 65_536;

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Here, waiting for a leader.
    Held,
    /// With the leader of this term.
    Forwarded(Term),
    /// With this node's own Raft, in the log or about to enter it.
    Proposed,
    /// Waiting for a confirmation that this node still leads.
    Reading(ReadId),
}

/// A request without an answer yet.
#[derive(Debug)]
pub struct OpenRequest<M: Machine> {
    /// Who wants the answer: of several, each a part of it.
    pub callers: Vec<Caller>,
    /// What was asked.
    pub operation: M::Operation,
    /// When it came.
    pub arrived: Time,
    /// Where it is.
    pub place: Place,
    /// How often it was passed on.
    pub attempt: u32,
    /// The leader of this term does not take it.
    pub refused_in: Option<Term>,
    /// Whether it may have got into some log.
    pub uncertain: bool,
}

impl<M: Machine> OpenRequest<M> {
    fn is_read(&self) -> bool {
        M::access(&self.operation) != Access::Change
    }

    /// Takes note that the outcome of the last attempt is not known.
    pub fn lose_track(&mut self) {
        self.uncertain |= !self.is_read();
    }

    /// When to give up: a certain request soon, so that its client can go
    /// elsewhere; an uncertain one later, since its retry may still succeed.
    #[must_use]
    pub fn deadline(&self, patience: Duration) -> Time {
        self.arrived + if self.may_be_refused() { patience } else { patience * UNCERTAIN_FACTOR }
    }

    /// Whether a definite refusal is the truth.
    fn may_be_refused(&self) -> bool {
        match self.place {
            _ if self.is_read() => true,
            Place::Held => !self.uncertain,
            Place::Forwarded(_) | Place::Proposed | Place::Reading(_) => false,
        }
    }

    /// The refusal that is the truth.
    fn refusal(&self) -> Error {
        if self.may_be_refused() {
            Error::temporarily_unavailable("no leader with a majority is within reach")
        } else {
            Error::new(ErrorCode::Timeout, "passed on, but nobody knows what became of it")
        }
    }
}

/// How many times longer than a certain request an uncertain one is tried.
const UNCERTAIN_FACTOR: u32 = 4;

/// The open requests of one node, by their number in its session.
#[derive(Debug)]
pub struct Clients<M: Machine> {
    patience: Duration,
    next_sequence: u64,
    open: BTreeMap<u64, OpenRequest<M>>,
}

impl<M: Machine> Clients<M> {
    /// No requests. Certain ones will be held for up to `patience`.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self { patience, next_sequence: 0, open: BTreeMap::new() }
    }

    /// Takes a request in, or gives its callers back if there are too many.
    ///
    /// # Errors
    ///
    /// The callers, to be refused.
    pub fn admit(
        &mut self,
        callers: Vec<Caller>,
        operation: M::Operation,
        now: Time,
    ) -> Result<u64, Vec<Caller>> {
        if self.open.len() >= OPEN_MAX {
            return Err(callers);
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let request = OpenRequest {
            callers,
            operation,
            arrived: now,
            place: Place::Held,
            attempt: 0,
            refused_in: None,
            uncertain: false,
        };
        self.open.insert(sequence, request);
        Ok(sequence)
    }

    /// An open request.
    pub fn get_mut(&mut self, sequence: u64) -> Option<&mut OpenRequest<M>> {
        self.open.get_mut(&sequence)
    }

    /// Nobody knows any more what became of the requests that were passed on;
    /// gives all open ones, the oldest first, to be sent again.
    pub fn lose_track_of_all(&mut self) -> Vec<u64> {
        for request in self.open.values_mut().filter(|request| request.place != Place::Held) {
            request.lose_track();
            request.place = Place::Held;
        }
        self.open.keys().copied().collect()
    }

    /// The requests that wait here for a leader, the oldest first.
    #[must_use]
    pub fn held(&self) -> Vec<u64> {
        let held = self.open.iter().filter(|(_, request)| request.place == Place::Held);
        held.map(|(&sequence, _)| sequence).collect()
    }

    /// Takes a request out, to be answered.
    pub fn finish(&mut self, sequence: u64) -> Option<OpenRequest<M>> {
        self.open.remove(&sequence)
    }

    /// All requests below this number have been answered.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.open.first_key_value().map_or(self.next_sequence, |(&sequence, _)| sequence)
    }

    /// Puts a request back to wait for a leader, and says until when.
    pub fn hold(&mut self, sequence: u64) -> Option<Time> {
        let request = self.open.get_mut(&sequence)?;
        request.place = Place::Held;
        Some(request.deadline(self.patience))
    }

    /// Takes out what is to be refused: at its deadline, or at once where that
    /// can be told and the node `is_isolated`.
    pub fn refuse(&mut self, now: Time, is_isolated: bool) -> Vec<(Caller, Error)> {
        let patience = self.patience;
        let refused = self.open.extract_if(.., |_, request| {
            (is_isolated && request.may_be_refused()) || now >= request.deadline(patience)
        });
        let refused = refused.map(|(_, request)| (request.refusal(), request.callers));
        refused
            .flat_map(|(error, callers)| {
                callers.into_iter().map(move |caller| (caller, error.clone()))
            })
            .collect()
    }

    /// When the first open request is to be refused.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.open.values().map(|request| request.deadline(self.patience)).min()
    }
}
