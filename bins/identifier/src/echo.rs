//! `identifier echo`: answers `echo` with what it was sent, Maelstrom's first exercise.

use proto::{Caller, Context, Json, Manual, Node};
use serde::{Deserialize, Serialize};

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "echo",
    summary: "answers `echo` with what it was sent",
    usage: "",
    help: "\
Maelstrom's workload `echo`. There are no flags.
",
};

/// The messages of `echo`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Asks for the same back.
    Echo {
        /// Anything.
        echo: Json,
    },
    /// The answer to `echo`.
    EchoOk {
        /// The same.
        echo: Json,
    },
}

/// A node that gives back what it gets.
#[derive(Clone, Debug)]
pub struct Echo;

impl Node for Echo {
    type Body = Body;
    type Token = ();

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if let Body::Echo { echo } = body {
            ctx.reply(&from, Body::EchoOk { echo });
        }
    }
}
