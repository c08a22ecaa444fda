//! The quick paths and the thorough path read the same messages.

use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

use super::*;
use crate::json::Json;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Talk {
    Plain,
    Value { value: Json },
    Many { list: Vec<u64>, name: String, maybe: Option<u64> },
    Wrapped(Wrapped),
    PlainOk,
    ReadOk { value: Json },
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Wrapped {
    id: NodeId,
    inner: Vec<(String, Json)>,
}

type Fields = Vec<(&'static str, String)>;

fn pick<'a>(random: &mut Xoshiro256PlusPlus, choices: &[&'a str]) -> &'a str {
    choices[random.random_range(0..choices.len())]
}

/// A value of some field, mostly of the right kind.
fn random_value(random: &mut Xoshiro256PlusPlus) -> String {
    let values = [
        "1",
        "-1",
        "1.5",
        "9007199254740993",
        "null",
        "true",
        "\"n1\"",
        "\"\\u0041\\n\"",
        "[]",
        "[1,2]",
        "[[\"a\",{}]]",
        "{\"type\":\"x\"}",
        "18446744073709551616",
        "\"é\"",
    ];
    pick(random, &values).to_owned()
}

/// The fields of a random body, `type` first.
fn random_body(random: &mut Xoshiro256PlusPlus) -> Fields {
    let types = [
        "plain",
        "value",
        "many",
        "wrapped",
        "plain_ok",
        "read_ok",
        "init",
        "init_ok",
        "error",
        "write_ok",
        "unknown",
        "unknown_ok",
        "",
    ];
    let mut fields: Fields = vec![("type", format!("\"{}\"", pick(random, &types)))];
    if random.random_ratio(1, 30) {
        fields[0].1 = random_value(random);
    }
    for name in ["value", "list", "name", "maybe", "id", "inner", "code", "text", "node_id", "x"] {
        if random.random() {
            fields.push((name, random_value(random)));
        }
    }
    for name in ["in_reply_to", "msg_id", "node_ids"] {
        if random.random() {
            fields.push((name, random_value(random)));
        }
    }
    fields
}

fn object(fields: &Fields) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

fn envelope(src: &str, body: &Fields) -> Fields {
    let name = |name: &str| format!("\"{name}\"");
    vec![("src", name(src)), ("dest", name("n1")), ("body", object(body))]
}

#[test]
fn the_order_of_fields_does_not_matter() {
    let mut quick = 0;
    for seed in 0..20_000 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let src = pick(&mut random, &["c1", "n2", "lin-kv", "lin-tso"]);
        let mut body = random_body(&mut random);
        let usual = object(&envelope(src, &body));
        quick += u32::from(decode_usual_order::<Talk>(&usual).is_some());
        let message = decode::<Talk>(&usual).expect("a good envelope");
        body.shuffle(&mut random);
        let mut shuffled = envelope(src, &body);
        shuffled.shuffle(&mut random);
        let shuffled = object(&shuffled);
        let other = decode::<Talk>(&shuffled).expect("a good envelope");
        // Which of several wrong fields is named first may depend on their order.
        let malformed = |message: &Message<Payload<Talk>>| match &message.payload {
            Payload::Bad(bad) if matches!(**bad, BadBody::Malformed { .. }) => {
                Some(bad.kind().to_owned())
            }
            _ => None,
        };
        match (malformed(&message), malformed(&other)) {
            (Some(kind), Some(other)) => assert_eq!(kind, other, "{seed}: {usual} and {shuffled}"),
            _ => assert_eq!(message, other, "seed {seed}: {usual} and {shuffled}"),
        }
    }
    assert!(quick > 1_000, "{quick} took the quick path");
}

#[test]
fn what_a_quick_path_reads_the_thorough_path_reads_as_well() {
    let pieces = ["\"", "{", "}", "[", "]", ",", ":", "1", "\"type\":", "\"msg_id\":", " ", "\\"];
    let paths = [decode_usual_envelope::<Talk>, decode_usual_order::<Talk>];
    let mut quick = [0; 2];
    for seed in 0..40_000 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let src = pick(&mut random, &["c1", "lin-kv"]);
        let mut line = object(&envelope(src, &random_body(&mut random)));
        if random.random() {
            line.insert_str(
                1,
                pick(&mut random, &["\"id\":0,", "\"id\":17,", "\"id\":07,", "\"id\":,"]),
            );
        }
        for _ in 0..random.random_range(0..3) {
            let places: Vec<_> = line.char_indices().map(|(place, _)| place).collect();
            let index = random.random_range(0..places.len() - 1);
            line.replace_range(places[index]..places[index + 1], pick(&mut random, &pieces));
        }
        for (path, count) in paths.iter().zip(&mut quick) {
            let Some(message) = path(&line) else { continue };
            *count += 1;
            match decode_any_layout::<Talk>(&line) {
                Ok(other) => assert_eq!(message, other, "seed {seed}: {line}"),
                // Only this one looks for fields that come twice.
                Err(error) => {
                    assert!(error.to_string().contains("duplicate field"), "{error}: {line}");
                }
            }
        }
    }
    assert!(quick.iter().all(|count| *count > 1_000), "{quick:?} took the quick paths");
}

#[test]
fn opaque_values_keep_their_text_in_either_path() {
    let text = r#"{ "b" : [1.0, 1e2], "a" : "\u0041" }"#;
    for line in [
        format!(r#"{{"src":"c1","dest":"n1","body":{{"type":"value","value":{text}}}}}"#),
        format!(r#"{{"body":{{"value":{text},"type":"value"}},"dest":"n1","src":"c1"}}"#),
    ] {
        let message = decode::<Talk>(&line).expect("a message");
        let Payload::Body(Talk::Value { value }) = message.payload else { panic!("{line}") };
        assert_eq!(value.text(), text);
    }
}

#[test]
fn replies_are_told_from_requests_by_in_reply_to() {
    let decode = |body: &str| {
        let line = format!(r#"{{"src":"c1","dest":"n1","body":{body}}}"#);
        decode::<Talk>(&line).expect("a message").payload
    };
    assert_eq!(decode(r#"{"type":"plain_ok","in_reply_to":1}"#), Payload::Body(Talk::PlainOk));
    let unsupported = Payload::Bad(Box::new(BadBody::Unsupported { kind: "plain_ok".to_owned() }));
    assert_eq!(decode(r#"{"type":"plain_ok","msg_id":1}"#), unsupported);
}

#[test]
fn an_envelope_is_compared_only_if_it_is_written_as_usual() {
    let is_compared = |line: &str| decode_usual_envelope::<Talk>(line).is_some();
    let body = r#"{"type":"plain","msg_id":1}"#;
    for usual in [
        format!(r#"{{"id":12,"src":"c1","dest":"n1","body":{body}}}"#),
        format!(r#"{{"src":"ü","dest":"","body":{body}}}"#),
    ] {
        assert!(is_compared(&usual), "{usual}");
    }
    for other in [
        format!(r#"{{"id":012,"src":"c1","dest":"n1","body":{body}}}"#),
        format!(r#"{{"id":-1,"src":"c1","dest":"n1","body":{body}}}"#),
        format!(r#"{{"src":"c\u0031","dest":"n1","body":{body}}}"#),
        format!("{{\"src\":\"c\t1\",\"dest\":\"n1\",\"body\":{body}}}"),
        format!(r#"{{"src":"c1","dest":"n1","body":{body},"x":1}}"#),
        format!(r#"{{"src":"c1","dest":"n1","body":{body}"#),
        format!(r#"{{"src":"c1","dest":"n1","body":{body}}}}}"#),
        format!(r#"{{"dest":"n1","src":"c1","body":{body}}}"#),
    ] {
        assert!(!is_compared(&other), "{other}");
    }
}
