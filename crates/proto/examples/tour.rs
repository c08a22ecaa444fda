//! A tour of what a node can do: timers, calls to peers, services, records, long answers. The
//! contract tests drive this node as a real process.
//!
//! | request | what happens |
//! |---|---|
//! | `echo {echo}` | answered at once with the same value |
//! | `sleep {ms}` | answered when a timer is due |
//! | `ask {peer, ms}` | calls `peer` with `question`; answered with the one outcome, after at most `ms` |
//! | `look_up {key, ms}` | reads a key of the service `lin-kv`; answered with the outcome |
//! | `remember {value}` | puts a record; answered with all values remembered so far |
//! | `count {to}` | counts in slices, so that others are served meanwhile; answered at the end |

use std::time::Duration;

use proto::service::{KeyValue, ServiceReply};
use proto::{Caller, Context, Error, Json, Node, NodeId, Outcome, Records};
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Echo { echo: Json },
    EchoOk { echo: Json },
    Sleep { ms: u64 },
    SleepOk,
    Ask { peer: NodeId, ms: u64 },
    AskOk { outcome: String },
    Question,
    QuestionOk { answer: Json },
    LookUp { key: Json, ms: u64 },
    LookUpOk { outcome: String },
    Remember { value: Json },
    RememberOk { values: Vec<Json> },
    Count { to: u64 },
    CountOk { counted: u64 },
}

/// What a timer or a call is for.
#[derive(Clone, Debug)]
enum Token {
    Wake(Caller),
    Tell(Caller),
    CountOn,
}

#[derive(Default)]
struct Tour {
    remembered: Vec<Json>,
    counting: Option<Count>,
}

/// A count that is not done yet.
struct Count {
    caller: Caller,
    counted: u64,
    to: u64,
}

/// How far one slice counts.
const SLICE: u64 = 1_000;

impl Node for Tour {
    type Body = Body;
    type Token = Token;

    fn init(&mut self, restored: Records, _: &mut Context<'_, Self>) {
        let texts = restored.into_values().filter_map(|value| String::from_utf8(value).ok());
        self.remembered = texts.filter_map(|text| Json::parse(&text).ok()).collect();
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Echo { echo } => ctx.reply(&from, Body::EchoOk { echo }),
            Body::Sleep { ms } => {
                ctx.set_timer(Duration::from_millis(ms), Token::Wake(from));
            }
            Body::Ask { peer, ms } => {
                let deadline = Duration::from_millis(ms);
                ctx.call(&peer, Body::Question, deadline, Token::Tell(from));
            }
            Body::LookUp { key, ms } => {
                let deadline = Duration::from_millis(ms);
                KeyValue::linearizable().read(ctx, key, deadline, Token::Tell(from));
            }
            Body::Remember { value } => {
                // Keys are kept in their order, so this one comes after all others.
                let key = (self.remembered.len() as u64).to_be_bytes();
                ctx.put(key, value.text().into_owned());
                self.remembered.push(value);
                ctx.reply(&from, Body::RememberOk { values: self.remembered.clone() });
            }
            Body::Count { to } => {
                if self.counting.is_some() {
                    let error = Error::temporarily_unavailable("one count at a time");
                    return ctx.reply_error(&from, error);
                }
                self.counting = Some(Count { caller: from, counted: 0, to });
                self.count_on(ctx);
            }
            _ => {}
        }
    }

    fn timer(&mut self, token: Token, ctx: &mut Context<'_, Self>) {
        match token {
            Token::Wake(caller) => ctx.reply(&caller, Body::SleepOk),
            Token::CountOn => self.count_on(ctx),
            Token::Tell(_) => {}
        }
    }

    fn outcome(&mut self, token: Token, outcome: Outcome<Body>, ctx: &mut Context<'_, Self>) {
        let Token::Tell(caller) = token else { return };
        let outcome = match outcome {
            Outcome::Reply(Body::QuestionOk { answer }) => format!("reply: {answer}"),
            Outcome::Reply(other) => format!("strange reply: {other:?}"),
            Outcome::Error(error) => format!("error: {error}"),
            Outcome::Timeout => "timeout".to_owned(),
        };
        ctx.reply(&caller, Body::AskOk { outcome });
    }

    fn service_outcome(
        &mut self,
        token: Token,
        outcome: Outcome<ServiceReply>,
        ctx: &mut Context<'_, Self>,
    ) {
        let Token::Tell(caller) = token else { return };
        let outcome = match outcome {
            Outcome::Reply(ServiceReply::ReadOk { value }) => format!("value: {value}"),
            Outcome::Reply(other) => format!("strange reply: {other:?}"),
            Outcome::Error(error) => format!("error: {error}"),
            Outcome::Timeout => "timeout".to_owned(),
        };
        ctx.reply(&caller, Body::LookUpOk { outcome });
    }

    fn owes_answer(&self) -> bool {
        self.counting.is_some()
    }
}

impl Tour {
    fn count_on(&mut self, ctx: &mut Context<'_, Self>) {
        let Some(count) = &mut self.counting else { return };
        count.counted += SLICE.min(count.to - count.counted);
        if count.counted < count.to {
            ctx.set_timer(Duration::ZERO, Token::CountOn);
            return;
        }
        let counted = count.counted;
        ctx.reply(&count.caller, Body::CountOk { counted });
        self.counting = None;
    }
}

fn main() -> std::process::ExitCode {
    let manual =
        proto::Manual { name: "tour", summary: "does one of everything", usage: "", help: "" };
    let tour = |arguments: &mut proto::Arguments| match arguments.next_flag()? {
        Some(flag) => Err(arguments.unknown(&flag)),
        None => Ok(Tour::default()),
    };
    proto::Program::new("tour", env!("CARGO_PKG_VERSION")).node(manual, tour).main()
}
