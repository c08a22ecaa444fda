//! Workload echo: `echo {echo}` is answered by `echo_ok {echo}` with the same content.

use checkers::Event;
use checkers::echo::EchoOp;
use proto::Json;
use serde::Deserialize;
use simulator::Random;

use super::{Checked, Expected, Headline, Kind, Step, Stored, Worker, Workload};
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
        let sent = asked.map_or(&stored.value, |asked| &asked.sent).clone();
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
        match checkers::echo::check(history) {
            Ok(result) => Checked::new(result.verdict, &result, || {
                let wrong = result.errors.len() - result.fail_count;
                let count = |number: usize, what| (number > 0).then(|| format!("{number} {what}"));
                let parts = [
                    count(wrong, "echoes are not what was sent"),
                    count(result.fail_count, "echoes were refused with an error"),
                ];
                parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
            }),
            Err(error) => Checked::malformed(&error),
        }
    }

    fn examination(&self) -> Vec<Step<EchoOp<Json>>> {
        let sent = Json::from("Please echo 64 \u{2013} naïvely");
        let same = |op: &EchoOp<Json>| op.got.as_ref() == Some(&op.sent);
        let expected = Expected::that("`echo` is not what was sent", same);
        vec![Step::new(EchoOp { sent, got: None }, expected)]
    }
}
