//! The Maelstrom protocol, and a runtime for nodes on plain threads and channels.

mod arguments;
mod context;
mod decode;
mod encode;
mod engine;
mod error;
mod id;
mod json;
mod message;
mod node;
mod runtime;
mod script;
pub mod service;
mod storage;
mod time;

pub use arguments::{Arguments, Program, UsageError, run_program};
pub use context::{Context, TimerId};
pub use decode::{DecodeError, decode};
pub use encode::{encode, encode_body};
pub use engine::Engine;
pub use error::{Error, ErrorCode};
pub use id::{MessageId, NodeId};
pub use json::Json;
pub use message::{BadBody, Body, Init, Message, Payload, is_reply_type};
pub use node::{Caller, Effect, Node, Outcome, Records, Write};
pub use runtime::{Options, run, run_with};
pub use script::Script;
pub use storage::StorageError;
pub use time::{Now, Time};
