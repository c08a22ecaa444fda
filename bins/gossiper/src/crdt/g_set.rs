//! `gossiper g-set`: a set to which elements are added and from which none is removed.

use crdt::GSet;
use proto::{Arguments, Caller, Context, Json, Manual, Node, Records, UsageError};
use serde::{Deserialize, Serialize};

use super::replica::{Replica, Replicated, Settings, Step};

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "g-set",
    summary: "a grow-only set that takes elements at every node",
    usage: "[--answer value|elements] [--gossip-interval TIME]",
    help: help!(
        "\
It serves Maelstrom's `g-set` workload (`add`, `read`), and `merge` of task 3-4-1.

  --answer FIELD          the field in which `read_ok` gives the elements: `value`, as in Maelstrom,
                          or `elements`, as in task 3-4-1 (default: value)
"
    ),
};

/// The messages of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Adds an element.
    Add {
        /// Any JSON.
        element: Json,
    },
    /// Answer to `add`.
    AddOk,
    /// Asks for the elements.
    Read,
    /// Answer to `read`: in one of the two fields each element once, in ascending order.
    ReadOk {
        /// As Maelstrom calls it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<Vec<Json>>,
        /// As task 3-4-1 calls it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        elements: Option<Vec<Json>>,
    },
    /// Adds all these elements.
    Merge {
        /// Any JSON each.
        elements: Vec<Json>,
    },
    /// Answer to `merge`.
    MergeOk {
        /// How many of them were not there before.
        new_count: u64,
    },
    /// Between nodes.
    Replicate {
        /// What is said.
        step: Step<GSet<Json>>,
    },
}

/// In which field a read is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Value,
    Elements,
}

/// The node.
#[derive(Debug)]
pub struct GSetNode {
    answer: Answer,
    replica: Replica<GSet<Json>>,
}

impl GSetNode {
    /// A node of these arguments.
    ///
    /// # Errors
    /// If they are wrong.
    pub fn from_arguments(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let (mut settings, mut answer) = (Settings::default(), Answer::Value);
        while let Some(flag) = arguments.next_flag()? {
            match &*flag {
                "--answer" => {
                    let fields = [("value", Answer::Value), ("elements", Answer::Elements)];
                    answer = arguments.choice(&fields)?;
                }
                _ => settings.read(&flag, arguments)?,
            }
        }
        Ok(Self { answer, replica: Replica::new(settings) })
    }

    /// The replica.
    pub fn replica(&self) -> &Replica<GSet<Json>> {
        &self.replica
    }

    fn read(&self) -> Body {
        let all = self.replica.state().iter().cloned().collect();
        match self.answer {
            Answer::Value => Body::ReadOk { value: Some(all), elements: None },
            Answer::Elements => Body::ReadOk { value: None, elements: Some(all) },
        }
    }
}

impl Replicated for GSetNode {
    type State = GSet<Json>;

    fn message(step: Step<Self::State>) -> Body {
        Body::Replicate { step }
    }
}

impl Node for GSetNode {
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
            Body::Add { element } => {
                self.replica.update([element].into_iter().collect(), ctx);
                ctx.reply(&from, Body::AddOk);
            }
            Body::Merge { elements } => {
                let news = self.replica.update(elements.into_iter().collect(), ctx);
                ctx.reply(&from, Body::MergeOk { new_count: news.len() as u64 });
            }
            Body::Read => ctx.reply(&from, self.read()),
            Body::Replicate { step } => self.replica.receive(&from, step, ctx),
            // Replies: they never come as requests.
            Body::AddOk | Body::ReadOk { .. } | Body::MergeOk { .. } => {}
        }
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        self.replica.timer(ctx);
    }
}
