//! A node on a leash, for unit tests: lines in, lines out, and a clock that moves only when told.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::decode::decode;
use crate::encode::encode;
use crate::engine::Engine;
use crate::message::{Message, Payload};
use crate::node::{Effect, Node, Records};
use crate::time::{Now, Time};

/// Drives one node by hand.
///
/// ```
/// use proto::{Caller, Context, Node};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, Serialize, Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Body { Ping, PingOk }
/// struct Pong;
/// impl Node for Pong {
///     type Body = Body;
///     type Token = ();
///     fn request(&mut self, from: Caller, _: Body, ctx: &mut Context<'_, Self>) {
///         ctx.reply(&from, Body::PingOk);
///     }
/// }
///
/// let mut script = proto::Script::new(Pong);
/// script.init("n1", &["n1", "n2"]);
/// assert_eq!(
///     script.line(r#"{"src":"c1","dest":"n1","body":{"type":"ping","msg_id":2}}"#),
///     [r#"{"src":"n1","dest":"c1","body":{"type":"ping_ok","in_reply_to":2,"msg_id":1}}"#],
/// );
/// ```
#[derive(Debug)]
pub struct Script<N: Node> {
    engine: Engine<N>,
    now: Now,
    records: Records,
    logs: Vec<String>,
    conditions: BTreeMap<&'static str, u64>,
}

impl<N: Node> Script<N> {
    /// A node without a state directory, seeded with 0, both clocks at zero.
    pub fn new(node: N) -> Self {
        Self::with_records(node, 0, None)
    }

    /// A node with random numbers from `seed`, and with the records of an earlier life if there is
    /// a state directory.
    pub fn with_records(node: N, seed: u64, records: Option<Records>) -> Self {
        let engine = Engine::new(node, seed, records.is_some()).watched();
        let records = records.unwrap_or_default();
        let (logs, conditions) = Default::default();
        Self { engine, now: Now::default(), records, logs, conditions }
    }

    /// Sends `init` as message 1 of client `c0`, and returns what the node says.
    pub fn init(&mut self, node_id: &str, node_ids: &[&str]) -> Vec<String> {
        let ids = serde_json::json!(node_ids);
        self.line(&format!(
            r#"{{"src":"c0","dest":"{node_id}","body":{{"type":"init","msg_id":1,"node_id":"{node_id}","node_ids":{ids}}}}}"#
        ))
    }

    /// Hands the node one line and returns the lines it writes. A line that is no message is
    /// noted in [`Script::logs`], as the runtime does on stderr.
    pub fn line(&mut self, line: &str) -> Vec<String> {
        match decode(line) {
            Ok(message) => self.message(message),
            Err(error) => {
                self.logs.push(error.to_string());
                Vec::new()
            }
        }
    }

    /// Lets time pass, firing timers at their own times, and returns the lines the node writes.
    pub fn advance(&mut self, duration: Duration) -> Vec<String> {
        let end = self.now.monotonic + duration;
        let mut effects = Vec::new();
        while let Some(due) = self.engine.next_due().filter(|due| *due <= end) {
            self.set_time(due.max(self.now.monotonic));
            self.engine.fire(self.now, &mut effects);
        }
        self.set_time(end);
        self.carry_out(effects)
    }

    /// Sets the wall clock, in milliseconds since 1970, without touching the monotonic one.
    pub fn set_wall_clock_ms(&mut self, wall_ms: u64) {
        self.now.wall_ms = wall_ms;
    }

    /// What the node keeps across restarts.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// What the node said to people.
    pub fn logs(&self) -> &[String] {
        &self.logs
    }

    /// How often each condition has held that the node told (see [`Context::sometimes`]).
    ///
    /// [`Context::sometimes`]: crate::Context::sometimes
    pub fn conditions(&self) -> &BTreeMap<&'static str, u64> {
        &self.conditions
    }

    /// The node's logic.
    pub fn node(&self) -> &N {
        self.engine.node()
    }

    fn message(&mut self, message: Message<Payload<N::Body>>) -> Vec<String> {
        let mut effects = Vec::new();
        let records = self.records.clone();
        self.engine.receive(self.now, message, |_| records, &mut effects);
        self.carry_out(effects)
    }

    fn set_time(&mut self, time: Time) {
        let passed = time.since(self.now.monotonic);
        self.now.wall_ms += u64::try_from(passed.as_millis()).unwrap_or(0);
        self.now.monotonic = time;
    }

    fn carry_out(&mut self, effects: Vec<Effect<N::Body>>) -> Vec<String> {
        let mut lines = VecDeque::new();
        for effect in effects {
            match effect {
                Effect::Send(message) => {
                    let mut line = Vec::new();
                    match encode(&message, &mut line) {
                        Ok(()) => lines.push_back(String::from_utf8_lossy(&line).trim().to_owned()),
                        Err(error) => self.logs.push(error.to_string()),
                    }
                }
                Effect::Persist(write) => write.apply(&mut self.records),
                Effect::Log(line) => self.logs.push(line),
                Effect::Sometimes { condition, holds } => {
                    *self.conditions.entry(condition).or_default() += u64::from(holds);
                }
            }
        }
        lines.into()
    }
}
