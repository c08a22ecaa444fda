//! Logs on one node that the others forward to: right as it stands, and wrong in the ways that the
//! checker of workload kafka is for.

use std::collections::BTreeMap;
use std::time::Duration;

use eddy::options::{FaultKind, Options};
use eddy::workload::registry::named;
use proto::kafka::Message as Body;
use proto::{Caller, Context, Error, ErrorCode, Json, Node, Outcome};

use super::{Bug, runs};

const CALL: Duration = Duration::from_millis(800);

/// What is wrong with the logs.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    /// Every seventh message gets the offset of the one before it.
    ReusesOffsets,
    /// Polls pass over every fifth message.
    SkipsOffsets,
    /// Every seventh message is acknowledged and kept nowhere.
    LosesWrites,
    /// Every seventh message is kept, although its client is told that it is not.
    KeepsRefused,
}

struct Logs {
    flaw: Flaw,
    /// The first offset of a log, and how far apart offsets are.
    first: u64,
    step: u64,
    sends: u64,
    logs: BTreeMap<String, Vec<(u64, Json)>>,
    committed: BTreeMap<String, u64>,
}

impl Logs {
    fn new(flaw: Flaw) -> Self {
        let (logs, committed) = Default::default();
        Self { flaw, first: 0, step: 1, sends: 0, logs, committed }
    }

    fn send(&mut self, key: String, msg: Json) -> Result<Body, Error> {
        self.sends += 1;
        let is_seventh = self.sends.is_multiple_of(7);
        let log = self.logs.entry(key).or_default();
        let last = log.last().map(|(offset, _)| *offset);
        // Of two places the second one is for a message that is lost: nothing else ever gets it.
        let step = if self.flaw == Flaw::LosesWrites { 2 * self.step } else { self.step };
        let next = last.map_or(self.first, |last| last + step);
        let offset = match (self.flaw, last) {
            (Flaw::ReusesOffsets, Some(last)) if is_seventh => last,
            _ => next,
        };
        if is_seventh && self.flaw == Flaw::LosesWrites {
            return Ok(Body::SendOk { offset: offset + self.step });
        }
        log.push((offset, msg));
        if is_seventh && self.flaw == Flaw::KeepsRefused {
            return Err(Error::new(ErrorCode::TemporarilyUnavailable, "not now"));
        }
        Ok(Body::SendOk { offset })
    }

    fn poll(&self, offsets: BTreeMap<String, u64>) -> Body {
        let from = |(key, from): (String, u64)| {
            let log = self.logs.get(&key).map_or(&[][..], |log| log);
            let skips = self.flaw == Flaw::SkipsOffsets;
            let after = log.iter().enumerate().filter(|(place, (offset, _))| {
                *offset >= from && !(skips && place % 5 == 4 && *offset > from)
            });
            (key, after.map(|(_, entry)| entry.clone()).collect())
        };
        Body::PollOk { msgs: offsets.into_iter().map(from).collect() }
    }

    fn answer(&mut self, body: Body) -> Result<Body, Error> {
        match body {
            Body::Send { key, msg } => self.send(key, msg),
            Body::Poll { offsets } => Ok(self.poll(offsets)),
            Body::CommitOffsets { offsets } => {
                self.committed.extend(offsets);
                Ok(Body::CommitOffsetsOk)
            }
            Body::ListCommittedOffsets { keys } => {
                let committed = |key| self.committed.get_key_value(&key);
                let offsets = keys.into_iter().filter_map(committed);
                let offsets = offsets.map(|(key, offset)| (key.clone(), *offset)).collect();
                Ok(Body::ListCommittedOffsetsOk { offsets })
            }
            _ => Err(Error::malformed_request("an answer")),
        }
    }
}

impl Node for Logs {
    type Body = Body;
    /// The client that a forwarded request is for.
    type Token = Caller;

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if *ctx.id() != ctx.node_ids()[0] {
            let first = ctx.node_ids()[0].clone();
            ctx.call(&first, body, CALL, from);
            return;
        }
        match self.answer(body) {
            Ok(answer) => ctx.reply(&from, answer),
            Err(error) => ctx.reply_error(&from, error),
        }
    }

    fn outcome(&mut self, client: Caller, outcome: Outcome<Body>, ctx: &mut Context<'_, Self>) {
        match outcome {
            Outcome::Reply(done) => ctx.reply(&client, done),
            Outcome::Error(error) => ctx.reply_error(&client, error),
            Outcome::Timeout => ctx.reply_error(&client, Error::new(ErrorCode::Timeout, "silence")),
        }
    }
}

fn options(nemesis: &[FaultKind]) -> Options {
    let mut options = runs(named("kafka"), nemesis).with_nodes(3);
    options.concurrency = 9;
    options
}

fn bug(make: fn() -> Logs, within: u64) -> Bug<Logs> {
    Bug { options: options(&[]), durable: false, within, make, invariant: None }
}

#[test]
fn right_logs_are_valid_without_faults_and_under_those_of_the_network() {
    let right = bug(|| Logs::new(Flaw::None), 5);
    right.is_right_under(&[]);
    right.is_right_under(&[FaultKind::Partition]);
    right.is_right_under(&[FaultKind::Pause]);
    let sparse = bug(|| Logs { first: 1 << 40, step: 1 << 50, ..Logs::new(Flaw::None) }, 2);
    sparse.is_right_under(&[]);
}

fn cause(make: fn() -> Logs) -> String {
    let bug = bug(make, 3);
    bug.is_found();
    bug.first_failure(&bug.options).expect("it was found").2
}

#[test]
fn reused_offsets_are_found() {
    assert!(cause(|| Logs::new(Flaw::ReusesOffsets)).contains("inconsistent-offsets"));
}

#[test]
fn skipped_offsets_are_found() {
    assert!(cause(|| Logs::new(Flaw::SkipsOffsets)).contains("poll-skip"));
}

#[test]
fn lost_writes_are_found() {
    assert!(cause(|| Logs::new(Flaw::LosesWrites)).contains("lost-write"));
}

#[test]
fn messages_that_were_refused_and_kept_are_found() {
    assert!(cause(|| Logs::new(Flaw::KeepsRefused)).contains("G1a"));
}
