//! What `check-node` asks a node that is alone in its cluster, and what a right answer is.

use proto::ErrorCode;

use crate::wire::{Answer, Request};

/// The node that is asked, by the name that it has in a run of one node: there are programs that look for
/// it by this name.
pub const SUBJECT: &str = "n0";

/// One request and what may come back.
pub struct Step<O> {
    /// What is asked.
    pub question: Question<O>,
    /// What a right answer is.
    pub expected: Expected<O>,
}

/// What is asked.
pub enum Question<O> {
    /// What each node is told before a run.
    SetUp(Request),
    /// An operation.
    Op(O),
}

/// What a right answer is.
pub enum Expected<O> {
    /// The reply of this request's type, with any result.
    Reply,
    /// The same with a result of which this holds; else it says what is wrong.
    Result(Rule<O>),
    /// An error with this code.
    Error(ErrorCode),
}

/// Says what is wrong with a result.
pub type Rule<O> = Box<dyn Fn(&O) -> Option<String>>;

impl<O> Expected<O> {
    /// A reply of which `holds` is true; `should` says what it should be.
    pub fn that(should: &'static str, holds: impl Fn(&O) -> bool + 'static) -> Self {
        Self::Result(Box::new(move |op| (!holds(op)).then(|| should.to_owned())))
    }
}

impl<O> Step<O> {
    /// An operation and what a right answer to it is.
    pub fn new(op: O, expected: Expected<O>) -> Self {
        Self { question: Question::Op(op), expected }
    }
}

/// Says what is right or what is wrong with the body of an answer.
pub(super) type Judge = Box<dyn FnOnce(&str) -> Result<String, String>>;

/// One request as text, and the judgement of the body that answers it.
pub struct Exam {
    /// The body of the request; its `msg_id` is 0 and has to be replaced.
    pub body: String,
    /// Says what is right or what is wrong with an answer.
    pub judge: Judge,
}

/// Holds an answer against what is expected; `op` has the result if it is one.
pub(super) fn judge<O>(
    answer: &Answer,
    expected: &Expected<O>,
    op: Option<&O>,
) -> Result<String, String> {
    match (answer, expected) {
        (Answer::Malformed(flaw), _) => Err(flaw.clone()),
        (Answer::Error(error), Expected::Error(code)) if error.code == *code => {
            Ok(format!("error {} ({})", code.number(), code.name()))
        }
        (Answer::Error(error), Expected::Error(code)) => Err(format!(
            "it is error {} and should be error {} ({})",
            error.code.number(),
            code.number(),
            code.name(),
        )),
        (Answer::Error(error), _) => Err(format!("it is an error: {error}")),
        (Answer::Ok, Expected::Error(code)) => Err(format!(
            "it succeeded and should have been error {} ({})",
            code.number(),
            code.name(),
        )),
        (Answer::Ok, Expected::Reply) => Ok(String::new()),
        (Answer::Ok, Expected::Result(flaw)) => match op.and_then(flaw) {
            Some(flaw) => Err(flaw),
            None => Ok(String::new()),
        },
    }
}
