//! `gossiper pn-counter`: a counter that goes up and down.

use crdt::PnCounter;
use proto::{Arguments, Caller, Context, Error, ErrorCode, Manual, Node, Records, UsageError};
use serde::{Deserialize, Serialize};

use super::replica::{Replica, ReplicaName, Replicated, Settings, Step};

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "pn-counter",
    summary: "a counter that goes up and down",
    usage: "[--gossip-interval TIME]",
    help: help!(
        "\
It serves Maelstrom's `pn-counter` workload (`add`, `read`).

"
    ),
};

/// The messages of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Counts.
    Add {
        /// How much; negative to count down.
        delta: i64,
    },
    /// Answer to `add`.
    AddOk,
    /// Asks for the sum.
    Read,
    /// Answer to `read`.
    ReadOk {
        /// What this node knows of.
        value: i128,
    },
    /// Between nodes.
    Replicate {
        /// What is said.
        step: Step<PnCounter<ReplicaName>>,
    },
}

/// The node.
#[derive(Debug)]
pub struct PnCounterNode {
    replica: Replica<PnCounter<ReplicaName>>,
}

impl PnCounterNode {
    /// A node of these arguments.
    ///
    /// # Errors
    /// If they are wrong.
    pub fn from_arguments(arguments: &mut Arguments) -> Result<Self, UsageError> {
        Ok(Self { replica: Replica::new(Settings::parse(arguments)?) })
    }

    /// The replica.
    pub fn replica(&self) -> &Replica<PnCounter<ReplicaName>> {
        &self.replica
    }

    fn add(&mut self, delta: i64, ctx: &mut Context<'_, Self>) -> Result<(), Error> {
        let mut state = self.replica.state().clone();
        let delta = state.add(self.replica.name().clone(), delta).map_err(|error| {
            Error::new(ErrorCode::MalformedRequest, format!("field `delta`: {error}"))
        })?;
        self.replica.update(delta, ctx);
        Ok(())
    }
}

impl Replicated for PnCounterNode {
    type State = PnCounter<ReplicaName>;

    fn message(step: Step<Self::State>) -> Body {
        Body::Replicate { step }
    }
}

impl Node for PnCounterNode {
    type Body = Body;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        self.replica.init(&restored, ctx);
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if let Some(error) = self.replica.refusal() {
            ctx.reply_error(&from, error.clone());
            return;
        }
        match body {
            Body::Add { delta } => match self.add(delta, ctx) {
                Ok(()) => ctx.reply(&from, Body::AddOk),
                Err(error) => ctx.reply_error(&from, error),
            },
            Body::Read => {
                let value = self.replica.state().value();
                ctx.reply(&from, Body::ReadOk { value });
            }
            Body::Replicate { step } => self.replica.receive(&from, step, ctx),
            // Replies: they never come as requests.
            Body::AddOk | Body::ReadOk { .. } => {}
        }
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        self.replica.timer(ctx);
    }
}
