//! The Maelstrom protocol, and a runtime for nodes on plain threads and channels.
//!
//! A node is a state machine: it is handed a message, a timer that is due or the outcome of a call,
//! and says through its [`Context`] what to send, which timers to set and what to store. It reads
//! no clock, file or random source by itself. So the same code runs as a process under Maelstrom
//! or `eddy`, in a unit test, and in the virtual time of the `simulator` crate.
//!
//! # A whole node
//!
//! ```no_run
#![doc = include_str!("../examples/echo.rs")]
//! ```
//!
//! `cargo run -p proto --example echo`, and type:
//!
//! ```text
//! {"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}
//! {"src":"c1","dest":"n1","body":{"type":"echo","msg_id":2,"echo":"hello"}}
//! ```
//!
//! # Writing your own
//!
//! 1. **List the messages** in one enum, requests and replies alike. The variant's name is the
//!    `type`, its fields are the payload; `src`, `dest`, `msg_id` and `in_reply_to` are not your
//!    concern. Values that you only pass on are [`Json`]: they come back exactly as they came.
//! 2. **Implement [`Node`]**. Only [`Node::request`] has to be written.
//! 3. **Call [`run`]**, or make a [`Program`] for a command line with `--help` and `--state-dir`.
//!
//! | to | call | and get back |
//! |---|---|---|
//! | answer a request | [`Context::reply`], [`Context::reply_error`] | |
//! | tell a peer something | [`Context::send`]; all peers: [`Context::broadcast`] | |
//! | ask a peer something | [`Context::call`] with a deadline | one [`Outcome`] in [`Node::outcome`]: a reply, an error or a time-out |
//! | ask `lin-kv`, `seq-kv`, `lww-kv`, `lin-tso` | a client of [`service`] | one [`Outcome`] in [`Node::service_outcome`] |
//! | wait | [`Context::set_timer`] | [`Node::timer`] |
//! | tell the time | [`Context::now`] for durations, [`Context::wall_clock_ms`] for timestamps | |
//! | roll dice | [`Context::random`] | |
//! | survive a restart | [`Context::put`]; what is sent after it leaves once it is synced | the records, in [`Node::init`] |
//!
//! A *token* of your choice ([`Node::Token`]) goes out with each timer and call and comes back with
//! what became of it; it usually is a small enum that says what to go on with. Nothing may block:
//! a long computation is cut into slices by timers (see [`Node::owes_answer`]).
//! `examples/tour.rs` uses each of these once.
//!
//! What you need not write, because it holds for every node: `init` and `init_ok`; the numbers of
//! messages; errors for unknown types (10), requests before `init` (11) and malformed fields (12,
//! naming the field); silence towards stray replies; requests in the order of their arrival; lines
//! of any length, bad lines skipped with a word on stderr; all replies out before the exit at the
//! end of input.
//!
//! # Testing it
//!
//! [`Script`] is a node on a leash: lines in, lines out, and time passes when you say so. The node
//! below answers `remind` after a second.
//!
//! ```
//! use std::time::Duration;
//!
//! use proto::{Caller, Context, Node, Script};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Debug, Serialize, Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Body {
//!     Remind,
//!     RemindOk,
//! }
//!
//! struct Reminder;
//!
//! impl Node for Reminder {
//!     type Body = Body;
//!     type Token = Caller;
//!
//!     fn request(&mut self, from: Caller, _: Body, ctx: &mut Context<'_, Self>) {
//!         ctx.set_timer(Duration::from_secs(1), from);
//!     }
//!
//!     fn timer(&mut self, caller: Caller, ctx: &mut Context<'_, Self>) {
//!         ctx.reply(&caller, Body::RemindOk);
//!     }
//! }
//!
//! let mut script = Script::new(Reminder);
//! script.init("n1", &["n1"]);
//! let request = r#"{"src":"c1","dest":"n1","body":{"type":"remind","msg_id":2}}"#;
//! assert!(script.line(request).is_empty());
//! assert!(script.advance(Duration::from_millis(999)).is_empty());
//! let reply = r#"{"src":"n1","dest":"c1","body":{"type":"remind_ok","in_reply_to":2,"msg_id":1}}"#;
//! assert_eq!(script.advance(Duration::from_millis(1)), [reply]);
//! ```
//!
//! # Simulating a cluster of it
//!
//! The `simulator` crate runs many nodes in virtual time, with latency, loss, partitions, crashes
//! and crooked clocks, all from one seed. Here two nodes are asked while a third is gone:
//!
//! ```
//! # use proto::{Caller, Context, Node};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
//! # #[serde(rename_all = "snake_case")]
//! # enum Body { Ping, PingOk }
//! # struct Pong;
//! # impl Node for Pong {
//! #     type Body = Body;
//! #     type Token = ();
//! #     fn request(&mut self, from: Caller, _: Body, ctx: &mut Context<'_, Self>) {
//! #         ctx.reply(&from, Body::PingOk);
//! #     }
//! # }
//! use proto::{MessageId, NodeId};
//! use simulator::{Cluster, ClusterOptions};
//!
//! let seed = 42;
//! let mut cluster = Cluster::new(ClusterOptions::new(3, seed), |_index| Pong);
//! cluster.crash(2);
//! let client = NodeId::new("c9");
//! for node in 0..3 {
//!     cluster.request(&client, node, MessageId(node as u64 + 1), Body::Ping);
//! }
//! let replies = std::iter::from_fn(|| cluster.step()).filter_map(|step| step.to_client);
//! assert_eq!(replies.filter(|message| message.dest == client).count(), 2);
//! ```
//!
//! From the command line, `eddy test -w WORKLOAD --bin PATH` runs the built program under the same
//! faults in real time.
//!
//! # Compared with Maelstrom's Go library
//!
//! An echo node takes about as many lines in either. The Go library asks for no message types, and
//! a handler may wait in the middle (`SyncRPC`), so a chain of calls reads from top to bottom; here
//! each step of such a chain is a token and a match arm. In exchange: no locks, because one event
//! is handled at a time, and no reordering, because there is no goroutine a message; a field that
//! is missing or wrong is refused with its name before your code sees it; every call ends exactly
//! once, and a late reply can neither leak nor block; timers, records and seeded randomness are
//! there, so periodic gossip or a log on disk needs no thread and no file handling; and time-outs
//! can be tested without waiting for them.

mod any;
mod arguments;
mod aspect;
mod decode;
mod edge;
mod either;
mod encode;
mod engine;
mod error;
mod id;
mod insides;
mod json;
pub mod kafka;
mod liar;
mod local;
mod message;
mod node;
mod program;
#[cfg(feature = "runtime")]
mod runtime;
mod script;
pub mod service;
#[cfg(feature = "runtime")]
mod storage;
mod time;
pub mod txn;

pub use any::{AnyBody, AnyEngine, AnyMessage, AnyNode, TypedBody, body_text, recall, write_body};
pub use arguments::{Arguments, Options, UsageError};
pub use aspect::Aspect;
pub use decode::{DecodeError, decode, decode_body};
pub use edge::Edge;
pub use either::Either;
pub use encode::{Numbers, encode, encode_body, write_content, write_json};
pub use engine::Engine;
pub use error::{Error, ErrorCode};
pub use id::{MessageId, NodeId};
pub use insides::{Insides, Invariant};
pub use json::{ByValue, Json};
pub use liar::{Liar, Mouth};
pub use local::Local;
pub use message::{BadBody, Body, Init, Message, Payload, is_reply_type};
pub use node::{Caller, Context, Effect, Node, Outcome, Records, TimerId, Write};
pub use program::{Chosen, Entry, Manual, Program};
#[cfg(feature = "runtime")]
pub use runtime::{run, run_with};
pub use script::Script;
#[cfg(feature = "runtime")]
pub use storage::StorageError;
pub use time::{Now, Time};
