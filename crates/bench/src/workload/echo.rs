//! Workload echo: `echo {echo}` is answered by `echo_ok {echo}` with the same content.

use checkers::echo::EchoOp;
use checkers::{Event, Kind as EventKind, Record};
use proto::Json;
use serde::Deserialize;
use simulator::Random;

use super::{Checked, Expected, Headline, Kind, Step, Stored, Worker, Workload, capital};
use crate::exhibit::{Clue, Lead, describe, shorten};
use crate::wire::{Fields, Request};

/// See the module.
pub(super) const KIND: Kind = Kind {
    name: "echo",
    summary: "nodes send back what they are sent",
    workers_per_node: 1,
    flags: &[],
    figures: &[
        ("workload.ok-count", "echoes that came"),
        ("workload.fail-count", "requests that met a definite error"),
        ("workload.info-count", "requests of unknown outcome"),
    ],
    headline: Headline::Operations,
    stricter: "a malformed line of a node makes the run invalid",
    begin: |_| Box::new(Echo),
};

/// See the module.
struct Echo;

/// What came back, of a history as Maelstrom stores it: there the value is the whole body of the
/// reply.
fn unwrapped(value: Json) -> Json {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "type")]
        kind: String,
        echo: Json,
    }
    match serde_json::from_str::<Body>(&value.text()) {
        Ok(Body { kind, echo }) if kind == "echo_ok" => echo,
        _ => value,
    }
}

/// The first answer that is wrong.
fn lead(error: &Record<EchoOp<Json>>, history: &[Event<EchoOp<Json>>]) -> Lead {
    let asked = EchoOp { sent: error.op.sent.clone(), got: None };
    let what = describe(&asked, &error.op, error.outcome);
    let sent = shorten(&asked.sent.to_string(), 80);
    let refusal = || {
        let end = error.end.map(|(index, _)| index);
        let event = history.iter().find(|event| Some(event.index) == end);
        event.and_then(|event| event.error.as_ref())
    };
    let came = match (error.outcome, &error.op.got) {
        (EventKind::Ok, Some(got)) => format!("got {}", shorten(&got.to_string(), 80)),
        _ => match refusal() {
            Some(error) => {
                let error = serde_json::to_string(error).unwrap_or_default();
                format!("was refused: {}", shorten(&error, 120))
            }
            None => "got no answer".to_owned(),
        },
    };
    let text = format!("{} asked `echo` for {sent} and {came}.", capital(error.process));
    Lead::of_record(text, error, what, Clue::None)
}

impl Workload for Echo {
    type Op = EchoOp<Json>;

    fn operation(&mut self, _: Worker, random: &mut Random) -> EchoOp<Json> {
        let text = format!("Please echo {}", random.below(128));
        EchoOp { sent: Json::from(text.as_str()), got: None }
    }

    fn request(&self, op: &EchoOp<Json>) -> Request {
        Request::new("echo").with("echo", op.sent.clone())
    }

    fn accept(&self, op: &mut EchoOp<Json>, reply: &mut Fields<'_>) -> Result<(), String> {
        op.got = Some(reply.json("echo")?);
        Ok(())
    }

    fn restore(
        &self,
        stored: &Stored,
        asked: Option<&EchoOp<Json>>,
    ) -> Result<EchoOp<Json>, String> {
        let sent = asked.map_or_else(|| stored.value(), |asked| asked.sent.clone());
        match &*stored.f {
            "echo" => {
                let got = stored.came_back();
                let got = got.map(|got| if got == sent { got } else { unwrapped(got) });
                Ok(EchoOp { sent, got })
            }
            _ => Err(stored.unknown()),
        }
    }

    fn check(&self, history: &[Event<EchoOp<Json>>], _: &mut dyn FnMut() -> bool) -> Checked {
        let result = match checkers::echo::check(history) {
            Ok(result) => result,
            Err(error) => return Checked::malformed(&error),
        };
        let mut checked = Checked::new(result.verdict, &result, || {
            let wrong = result.errors.len() - result.fail_count;
            let count = |number: usize, what| (number > 0).then(|| format!("{number} {what}"));
            let parts = [
                count(wrong, "echoes are not what was sent"),
                count(result.fail_count, "echoes were refused with an error"),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
        });
        checked.lead = result.errors.first().map(|error| lead(error, history));
        checked
    }

    fn examination(&self) -> Vec<Step<EchoOp<Json>>> {
        let sent = Json::from("Please echo 64 \u{2013} naïvely");
        let same = |op: &EchoOp<Json>| op.got.as_ref() == Some(&op.sent);
        let expected = Expected::that("`echo` is not what was sent", same);
        vec![Step::new(EchoOp { sent, got: None }, expected)]
    }
}
