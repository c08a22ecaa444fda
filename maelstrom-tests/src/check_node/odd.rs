//! What a node does with input that it should not get: other drivers, other people's clients and a
//! wrong argument send it all the same.

use std::time::Duration;

use proto::ErrorCode;
use serde_json::{Value, json};

use super::exchange::{Exchange, Silence, Subject};
use super::finding::{Finding, Findings, Grade};
use super::{Examiner, init};
use crate::workload::SUBJECT;

/// How long to look for an answer that should not come.
const NO_ANSWER_TIME: Duration = Duration::from_millis(200);

/// What should come back.
enum Wanted {
    /// An error with this code.
    Error(ErrorCode),
    /// Nothing at all.
    Nothing,
}

impl Examiner<'_> {
    /// Each kind of odd input goes to a fresh node, so that one that dies of it still sees the rest.
    pub(super) fn check_odd_input(&self, findings: &mut Findings) -> Result<(), String> {
        let mut subject = self.start()?;
        let Some(first) = self.exams().into_iter().next() else { return Ok(()) };
        let body: Value = serde_json::from_str(&first.body).unwrap_or_default();
        let exchange = subject.ask(body.clone());
        let wanted = Wanted::Error(ErrorCode::TemporarilyUnavailable);
        let mut finding = judge("a request before `init`", exchange, &wanted);
        // Maelstrom sends none, and a node that answers does not know its own name yet.
        finding.grade = finding.grade.min(Grade::Warning);
        findings.0.push(finding);

        let exchange = self.ask_fresh(json!({ "type": "no_such_type" }))?;
        let wanted = Wanted::Error(ErrorCode::NotSupported);
        findings.0.push(judge("a type that does not exist", exchange, &wanted));

        if let Some(broken) = without_a_field(&body) {
            let exchange = self.ask_fresh(broken)?;
            let wanted = Wanted::Error(ErrorCode::MalformedRequest);
            findings.0.push(judge("a request without its fields", exchange, &wanted));
        }
        let mut no_number = body;
        if let Some(body) = no_number.as_object_mut() {
            body.remove("msg_id");
        }
        let no_number = json!({ "src": "c1", "dest": SUBJECT, "body": no_number }).to_string();
        for (what, line) in [
            ("a message without `msg_id`", no_number.as_str()),
            ("a line that is no JSON", "this is no JSON"),
            ("a JSON line that is no message", "{\"hello\": 1}"),
        ] {
            let mut subject = self.start()?;
            if init(&mut subject).silence.is_some() {
                continue;
            }
            let exchange = subject.say(line, NO_ANSWER_TIME);
            findings.0.push(judge(what, exchange, &Wanted::Nothing));
        }
        Ok(())
    }

    fn ask_fresh(&self, body: Value) -> Result<Exchange, String> {
        let mut subject: Subject = self.start()?;
        init(&mut subject);
        Ok(subject.ask(body))
    }
}

/// The request with all its own fields left out; nothing if it has none.
fn without_a_field(body: &Value) -> Option<Value> {
    let fields = body.as_object()?;
    let own = fields.keys().any(|name| name != "type" && name != "msg_id");
    own.then(|| json!({ "type": fields.get("type") }))
}

fn judge(what: &str, exchange: Exchange, wanted: &Wanted) -> Finding {
    let Exchange { sent, came, answers, mistakes, silence } = exchange;
    let (grade, text) = match (wanted, answers.first(), silence) {
        (_, None, Some(Silence::Gone)) => (
            Grade::Warning,
            "the node died of it; one odd line should not take everything else along".to_owned(),
        ),
        (Wanted::Nothing, None, _) => (Grade::Good, "no answer, and it goes on".to_owned()),
        (Wanted::Nothing, Some(_), _) => {
            (Grade::Warning, "it was answered, though nobody can know what to".to_owned())
        }
        (Wanted::Error(code), None, _) => (Grade::Warning, no_error(*code, "no answer")),
        (Wanted::Error(code), Some(body), _) => judge_error(*code, body),
    };
    let Some(mistake) = mistakes.first() else {
        return Finding { grade, what: what.to_owned(), text, sent, came };
    };
    Finding { grade: Grade::Mistake, what: what.to_owned(), text: mistake.clone(), sent, came }
}

fn no_error(code: ErrorCode, instead: &str) -> String {
    format!("{instead}; error {} ({}) would tell the client", code.number(), code.name())
}

fn judge_error(code: ErrorCode, body: &str) -> (Grade, String) {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    if body["type"] != "error" {
        let instead = format!("it was answered with `{}`", body["type"].as_str().unwrap_or("?"));
        return (Grade::Warning, no_error(code, &instead));
    }
    match body["code"].as_u64() {
        Some(number) if number == u64::from(code.number()) => {
            (Grade::Good, format!("error {} ({})", code.number(), code.name()))
        }
        Some(number) => {
            let instead = format!("it was answered with error {number}");
            (Grade::Warning, no_error(code, &instead))
        }
        None => (Grade::Mistake, "the error has no integer `code`".to_owned()),
    }
}
