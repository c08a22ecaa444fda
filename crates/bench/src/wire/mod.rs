//! Requests and replies of clients as they stand on the wire. Workloads say what is in them; how they
//! are written, and how strictly they are read, is the same for all.

mod quote;
mod reply;
mod request;
mod words;

pub use self::quote::quote;
pub use self::reply::{Answer, Fields, parse, read};
pub(crate) use self::reply::{list, plain_elements};
pub use self::request::Request;
pub use self::words::{in_words, no_word_of_json, without_place};

/// How the error of an operation begins whose answer was not as it has to be.
pub const MALFORMED: &str = "Malformed RPC response";
