use super::*;
use crate::{AnyBody, Caller, Context, Effect, Message, MessageId, NodeId, Now, Payload, Records};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Hail,
    HailOk { from: String },
}

struct Greeter(String);

impl Node for Greeter {
    type Body = Body;
    type Token = ();

    fn request(&mut self, from: Caller, _: Body, ctx: &mut Context<'_, Self>) {
        ctx.reply(&from, Body::HailOk { from: self.0.clone() });
    }
}

const PLAIN: Manual =
    Manual { name: "plain", summary: "says its name", usage: "[--name N]", help: "  --name N\n" };
const LOUD: Manual = Manual { name: "loud", summary: "shouts", usage: "", help: "" };

fn games() -> Program {
    let plain = |arguments: &mut Arguments| {
        let mut name = "plain".to_owned();
        while let Some(flag) = arguments.next_flag()? {
            match &*flag {
                "--name" => name = arguments.value("a name")?,
                _ => return Err(arguments.unknown(&flag)),
            }
        }
        Ok(Greeter(name))
    };
    let loud = |arguments: &mut Arguments| match arguments.next_flag()? {
        None => Ok(Greeter("LOUD".to_owned())),
        Some(flag) => Err(arguments.unknown(&flag)),
    };
    Program::new("games", "1.2.3").node(PLAIN, plain).node(LOUD, loud)
}

/// What the chosen node answers, in a client's text and in its own type.
fn answers(arguments: &[&str]) -> Result<[String; 2], String> {
    let program = games();
    let chosen = program.choose(arguments).map_err(|error| program.complaint(&error, arguments))?;
    let mut engine = chosen.node.into_engine(0, false);
    let mut send = |msg_id: u64, payload| {
        let message = Message {
            src: NodeId::new("c1"),
            dest: NodeId::new("n1"),
            msg_id: Some(MessageId(msg_id)),
            in_reply_to: None,
            payload,
        };
        let mut effects = Vec::new();
        engine
            .receive(Now::default(), message, &Records::new(), &mut |effect| effects.push(effect));
        let Some(Effect::Send(reply)) = effects.pop() else { panic!("no reply") };
        crate::body_text(&reply).unwrap().into_string()
    };
    let id = NodeId::new("n1");
    let node_ids = vec![id.clone()];
    let init = crate::Init { node_id: id, node_ids, initial_member_ids: None };
    send(1, Payload::Init(Box::new(init)));
    let text = r#"{"type":"hail","msg_id":2}"#;
    Ok([
        send(2, Payload::Body(AnyBody::Text(text.into()))),
        send(3, Payload::Body(AnyBody::typed(Body::Hail))),
    ])
}

#[test]
fn the_first_argument_chooses_the_node_and_text_and_types_reach_it_alike() {
    for (arguments, name) in [
        (&[][..], "plain"),
        (&["plain", "--name", "ada"], "ada"),
        (&["--name", "ada"], "ada"),
        (&["loud"], "LOUD"),
    ] {
        let answer = |number, id| {
            format!(r#"{{"type":"hail_ok","from":"{name}","in_reply_to":{number},"msg_id":{id}}}"#)
        };
        assert_eq!(answers(arguments), Ok([answer(2, 1), answer(3, 2)]), "{arguments:?}");
    }
}

#[test]
fn a_wrong_line_is_told_what_is_right() {
    for (arguments, error) in [
        (&["quiet"][..], "games: the first argument has to be one of `plain`, `loud`, not `quiet`"),
        (
            &["loud", "--name", "x"],
            "games: unknown argument `--name`; usage: games loud [--state-dir DIR] [--help] [--version]",
        ),
        (
            &["--size"],
            "games: unknown argument `--size`; usage: games [plain] [--name N] [--state-dir DIR] \
             [--help] [--version]",
        ),
    ] {
        assert_eq!(answers(arguments), Err(error.to_owned()));
    }
}

#[test]
fn help_lists_the_nodes_and_explains_the_one_that_is_named() {
    let all = games().help(["--help"]);
    assert!(all.contains("  plain  says its name\n  loud   shouts\n"), "{all}");
    assert!(all.contains("usage: games [plain] [--name N] [--state-dir DIR]"), "{all}");
    let one = games().help(["loud", "--help"]);
    assert!(one.contains("games loud: shouts.") && !one.contains("plain"), "{one}");
}
