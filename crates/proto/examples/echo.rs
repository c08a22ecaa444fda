//! The smallest node: it answers `echo` with what it was sent.

use proto::{Caller, Context, Json, Node};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Echo { echo: Json },
    EchoOk { echo: Json },
}

struct Echo;

impl Node for Echo {
    type Body = Body;
    type Token = ();

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if let Body::Echo { echo } = body {
            ctx.reply(&from, Body::EchoOk { echo });
        }
    }
}

fn main() -> std::process::ExitCode {
    proto::run(Echo)
}
