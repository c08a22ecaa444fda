//! What the node answers to each message.

use proto::{Caller, Context, Error, Node, Records};
use serde::{Deserialize, Serialize};

use crate::scheme::{Generator, Scheme};

/// The messages of the Identifier track.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Asks for a new id.
    Generate,
    /// The answer to `generate`.
    GenerateOk {
        /// The id.
        id: String,
    },
}

/// A node that gives out unique ids.
#[derive(Debug)]
pub struct Identifier {
    /// Where ids come from, or why there can be none.
    generator: Result<Generator, Error>,
}

impl Identifier {
    /// A node that makes its ids by `scheme`.
    pub fn new(scheme: Scheme) -> Self {
        Self { generator: Ok(Generator::new(scheme)) }
    }
}

impl Node for Identifier {
    type Body = Body;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        let Ok(generator) = &mut self.generator else { return };
        if let Err(error) = generator.restore(&restored) {
            ctx.log(format!("no ids can be given out: {}", error.text));
            self.generator = Err(error);
        }
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Generate => match &mut self.generator {
                Ok(generator) => {
                    let id = generator.generate(ctx);
                    ctx.reply(&from, Body::GenerateOk { id });
                }
                Err(error) => ctx.reply_error(&from, error.clone()),
            },
            // A reply: it never comes as a request.
            Body::GenerateOk { .. } => {}
        }
    }
}
