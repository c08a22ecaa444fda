//! One node on a leash: what it sends round a neighbour that does not acknowledge.

use std::time::Duration;

use gossiper::broadcast::config::Answer;
use gossiper::{Config, Gossiper, StrategyKind};
use proto::Script;
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_millis(500);

/// A node whose lines are taken apart.
struct Leash(Script<Gossiper>);

impl Leash {
    /// n1 in the middle, n2 behind which n3 and n4 lie, and n5 beside it.
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let mut script = Script::new(Gossiper::new(config));
        script.init("n1", &["n1", "n2", "n3", "n4", "n5"]);
        let mut leash = Self(script);
        let lists = json!({"n1": ["n2", "n5"], "n2": ["n1", "n3", "n4"]});
        leash.say("c1", json!({"type": "topology", "msg_id": 2, "topology": lists}));
        leash
    }

    /// Hands the node a message, and returns what it sends: to whom, and the body.
    fn say(&mut self, src: &str, body: Value) -> Vec<(String, Value)> {
        let lines = self.0.line(&json!({"src": src, "dest": "n1", "body": body}).to_string());
        sent(&lines)
    }

    fn wait(&mut self, time: Duration) -> Vec<(String, Value)> {
        sent(&self.0.advance(time))
    }

    /// What a client is answered.
    fn ask(&mut self, kind: &str) -> Value {
        let (_, mut body) = self.say("c1", json!({"type": kind, "msg_id": 9})).remove(0);
        for number in ["msg_id", "in_reply_to", "type"] {
            body.as_object_mut().unwrap().remove(number);
        }
        body
    }
}

fn sent(lines: &[String]) -> Vec<(String, Value)> {
    let messages = lines.iter().map(|line| {
        let mut message: Value = serde_json::from_str(line).unwrap();
        (message["dest"].as_str().unwrap().to_owned(), message["body"].take())
    });
    messages.collect()
}

/// To whom plain broadcasts of a value go.
fn receivers<'a>(messages: &'a [(String, Value)], value: &Value) -> Vec<&'a str> {
    let carries = |body: &Value| body["type"] == "broadcast" && body["message"] == *value;
    messages.iter().filter(|(_, body)| carries(body)).map(|(dest, _)| &**dest).collect()
}

/// The messages to a peer that carry values.
fn data<'a>(messages: &'a [(String, Value)], peer: &str) -> Vec<&'a Value> {
    let carries = |body: &Value| body["type"] == "broadcast" || body["type"] == "gossip";
    messages.iter().filter(|(dest, body)| dest == peer && carries(body)).map(|(_, b)| b).collect()
}

#[test]
fn a_value_goes_round_a_neighbour_that_does_not_acknowledge() {
    let mut leash = Leash::new();
    let forwards = leash.say("c1", json!({"type": "broadcast", "msg_id": 3, "message": "v"}));
    assert_eq!(receivers(&forwards, &json!("v")), ["n2", "n5"]);
    let id = &forwards[2].1["msg_id"];
    leash.say("n5", json!({"type": "broadcast_ack", "message": "v", "in_reply_to": id}));
    assert_eq!(leash.wait(TIMEOUT - Duration::from_millis(1)), []);
    // n2 says nothing: n3 and n4, which only it connects, get their copies; n5 does not.
    let copies = leash.wait(Duration::from_millis(1));
    assert_eq!(receivers(&copies, &json!("v")), ["n3", "n4"]);
    for (dest, copy) in copies.iter().filter(|(_, body)| body["type"] == "broadcast") {
        leash.say(dest, json!({"type": "broadcast_ok", "in_reply_to": copy["msg_id"]}));
    }
    assert_eq!(leash.ask("check_acks"), json!({"pending": 0, "timed_out": 1, "direct_sent": 2}));
    assert_eq!(leash.ask("failure_stats"), json!({"total_failures": 1, "direct_deliveries": 2}));
    assert!(leash.0.logs().iter().any(|line| line == "n2 does not answer"));
    // It is sent to n2 again, until n2 acknowledges it.
    let again = leash.wait(Duration::from_secs(5));
    let again = again.iter().rfind(|(dest, body)| dest == "n2" && body["type"] == "broadcast");
    let id = &again.unwrap().1["msg_id"];
    leash.say("n2", json!({"type": "broadcast_ok", "in_reply_to": id}));
    assert_eq!(leash.ask("check_acks"), json!({"pending": 0, "timed_out": 0, "direct_sent": 0}));
}

/// Other nodes' `broadcast_ack` may say which message it answers and leave out the value, as
/// `broadcast_ok` does. `null` is a value like any other.
#[test]
fn an_answer_acknowledges_the_message_whose_number_it_has() {
    for value in [json!("v"), json!(null)] {
        let mut leash = Leash::new();
        let forwards = leash.say("c1", json!({"type": "broadcast", "msg_id": 3, "message": value}));
        let (to_n2, to_n5) = (&forwards[1].1["msg_id"], &forwards[2].1["msg_id"]);
        leash.say("n2", json!({"type": "broadcast_ack", "message": "other", "in_reply_to": to_n2}));
        assert_eq!(leash.ask("check_acks")["pending"], 2);
        leash.say("n2", json!({"type": "broadcast_ack", "in_reply_to": to_n2}));
        assert_eq!(leash.ask("check_acks")["pending"], 1);
        leash.say("n5", json!({"type": "broadcast_ack", "message": value, "in_reply_to": to_n5}));
        assert_eq!(leash.ask("check_acks")["pending"], 0);
        assert_eq!(data(&leash.wait(TIMEOUT * 2), "n3"), Vec::<&Value>::new());
    }
}

/// A topology need not say more than a node's own list: whoever it does not name may be anywhere, and
/// so behind the neighbour that is silent.
#[test]
fn who_is_nowhere_in_the_topology_gets_a_copy_as_well() {
    let mut leash = Leash::new();
    let own = json!({"n1": ["n2", "n3"]});
    leash.say("c1", json!({"type": "topology", "msg_id": 2, "topology": own}));
    let forwards = leash.say("c1", json!({"type": "broadcast", "msg_id": 3, "message": "v"}));
    assert_eq!(receivers(&forwards, &json!("v")), ["n2", "n3"]);
    let id = &forwards[2].1["msg_id"];
    leash.say("n3", json!({"type": "broadcast_ok", "in_reply_to": id}));
    let copies = leash.wait(TIMEOUT);
    assert_eq!(receivers(&copies, &json!("v")), ["n4", "n5"]);
    assert_eq!(leash.ask("check_acks"), json!({"pending": 0, "timed_out": 1, "direct_sent": 2}));
}

/// However many values come while a neighbour is silent, two messages with copies are on their way
/// to each node behind it; the rest waits for an acknowledgement and comes in one.
#[test]
fn copies_of_many_values_share_messages() {
    let mut leash = Leash::new();
    for value in 0..100 {
        leash.say("c1", json!({"type": "broadcast", "msg_id": 3, "message": value}));
    }
    let first = leash.wait(TIMEOUT);
    let [batch] = &*data(&first, "n3") else { panic!("{first:?}") };
    assert_eq!(batch["messages"].as_array().map(Vec::len), Some(100));
    let mut more = Vec::new();
    for value in 100..200 {
        more.extend(leash.say("c1", json!({"type": "broadcast", "msg_id": 3, "message": value})));
    }
    more.extend(leash.wait(Duration::from_millis(100)));
    assert_eq!(data(&more, "n3").len(), 1);
    let rest = leash.say("n3", json!({"type": "gossip", "acks": [batch["batch"]]}));
    let [rest] = &*data(&rest, "n3") else { panic!("{rest:?}") };
    assert_eq!(rest["messages"].as_array().map(Vec::len), Some(99));
}

/// Copies of few values go one by one, and so are acknowledged.
#[test]
fn a_copy_that_waits_leaves_when_one_before_it_is_acknowledged() {
    let mut leash = Leash::new();
    let tell = |value: u64| json!({"type": "broadcast", "msg_id": 3, "message": value});
    leash.say("c1", tell(0));
    assert_eq!(data(&leash.wait(TIMEOUT), "n3").len(), 1);
    assert_eq!(data(&leash.say("c1", tell(1)), "n3").len(), 1);
    assert_eq!(data(&leash.say("c1", tell(2)), "n3").len(), 0, "two are on their way");
    let rest = leash.say("n3", json!({"type": "broadcast_ack", "message": 0}));
    assert_eq!(data(&rest, "n3").len(), 1, "{rest:?}");
}

/// A later value is acknowledged sooner: that the one before it is not is noticed by the time-out that follows
/// from this, and not by the one that was looked at meanwhile.
#[test]
fn an_answer_that_makes_a_time_out_shorter_holds_for_what_was_sent_before() {
    let mut leash = Leash::new();
    let tell = |leash: &mut Leash, value: u64| {
        leash.say("c1", json!({"type": "broadcast", "msg_id": 3, "message": value}))
    };
    let answer = |leash: &mut Leash, told: &[(String, Value)], peers: &[&str]| {
        for (peer, body) in told.iter().filter(|(dest, _)| peers.contains(&&**dest)) {
            leash.say(peer, json!({"type": "broadcast_ok", "in_reply_to": body["msg_id"]}));
        }
    };
    for (value, milliseconds) in (0..).zip([400, 1, 1, 1, 1, 1, 1, 1]) {
        let told = tell(&mut leash, value);
        leash.wait(Duration::from_millis(milliseconds));
        answer(&mut leash, &told, &["n2", "n5"]);
    }
    // The time-out is 1089 ms now, by the estimate of TCP, and 994 ms after one more.
    let lost = tell(&mut leash, 98);
    answer(&mut leash, &lost, &["n5"]);
    leash.wait(Duration::from_millis(600));
    let told = tell(&mut leash, 99);
    answer(&mut leash, &told, &["n5"]);
    leash.wait(Duration::from_millis(1));
    answer(&mut leash, &told, &["n2"]);
    assert_eq!(receivers(&leash.wait(Duration::from_millis(380)), &json!(98)), [""; 0]);
    assert_eq!(receivers(&leash.wait(Duration::from_millis(40)), &json!(98)), ["n3", "n4"]);
}

/// A timer that is set for later does not hold it up.
#[test]
fn notes_are_compared_when_nothing_new_came_for_a_while_though_an_answer_is_waited_for() {
    let ack_timeout = Duration::from_secs(20);
    let mut leash = Leash::with(Config { ack_timeout, ..Config::default() });
    for value in 0..2 {
        let told = leash.say("c1", json!({"type": "broadcast", "msg_id": 3, "message": value}));
        for (_, body) in told.iter().filter(|(dest, _)| dest == "n2") {
            leash.say("n2", json!({"type": "broadcast_ok", "in_reply_to": body["msg_id"]}));
        }
        let said = leash.wait(Duration::from_millis(1100));
        let opening = said.iter().find(|(dest, body)| dest == "n2" && body["type"] == "digest");
        let Some((_, opening)) = opening else { panic!("value {value}: {said:?}") };
        let mut done = opening.clone();
        done["done"] = json!(true);
        leash.say("n2", done);
        leash.wait(Duration::from_secs(3));
    }
}

/// What to say of a peer that has never answered nobody knows: it may be of a make that acknowledges
/// nothing. So it is told what is new, but not for ever; one that did answer once is only compared with.
#[test]
fn a_neighbour_that_never_answered_is_told_what_is_new() {
    let strategies = [StrategyKind::Tree, StrategyKind::Flood, StrategyKind::FanOut];
    for strategy in strategies {
        let mut leash = Leash::with(Config { strategy, ..Config::default() });
        let told = |leash: &mut Leash, value: u64| {
            let new = json!({"type": "broadcast", "msg_id": 3, "message": value});
            let mut sent = leash.say("c1", new);
            sent.extend(leash.wait(2 * TIMEOUT));
            let mut told = receivers(&sent, &json!(value));
            told.retain(|peer| ["n2", "n5"].contains(peer));
            told.sort_unstable();
            told.dedup();
            told.iter().map(|peer| (*peer).to_owned()).collect::<Vec<_>>()
        };
        for value in 0..32 {
            assert_eq!(told(&mut leash, value), ["n2", "n5"], "{strategy:?}, {value}");
        }
        assert!(told(&mut leash, 32).is_empty(), "{strategy:?}: it costs little");
        let mut leash = Leash::with(Config { strategy, ..Config::default() });
        leash.say("c1", json!({"type": "broadcast", "msg_id": 3, "message": 0}));
        for peer in ["n2", "n5"] {
            leash.say(peer, json!({"type": "broadcast_ack", "message": 0}));
        }
        assert_eq!(told(&mut leash, 1), ["n2", "n5"], "{strategy:?}: they were there a moment ago");
        assert!(told(&mut leash, 2).is_empty(), "{strategy:?}: they do not answer any more");
    }
}

/// What goes to such a neighbour goes round it at once, and not once more when it does not answer that either.
#[test]
fn what_is_new_goes_round_a_silent_neighbour_once() {
    let mut leash = Leash::new();
    for value in 0..3 {
        leash.say("c1", json!({"type": "broadcast", "msg_id": 3, "message": value}));
        leash.wait(2 * TIMEOUT);
        for behind in ["n3", "n4"] {
            leash.say(behind, json!({"type": "broadcast_ack", "message": value}));
        }
    }
    // Each of three values failed at n2 and n5, and has been copied to the two behind n2.
    let stats = json!({"total_failures": 6, "direct_deliveries": 6});
    assert_eq!(leash.ask("failure_stats"), stats);
}

/// A peer is answered like a client, but for the one task that has another word for it.
#[test]
fn a_peers_broadcast_is_answered_by_broadcast_ok_unless_the_flag_says_otherwise() {
    let said = json!({"type": "broadcast", "msg_id": 7, "message": "v"});
    for strategy in StrategyKind::NAMED.map(|(_, strategy)| strategy) {
        for (answer, expected) in [
            (Answer::Ok, json!({"type": "broadcast_ok", "in_reply_to": 7, "msg_id": 2})),
            (
                Answer::Ack,
                json!({"type": "broadcast_ack", "message": "v", "in_reply_to": 7, "msg_id": 2}),
            ),
        ] {
            let mut leash = Leash::with(Config { strategy, answer, ..Config::default() });
            let sent = leash.say("n2", said.clone());
            assert_eq!(sent[0], ("n2".to_owned(), expected), "{strategy:?}");
        }
    }
    assert_eq!(Config::default().answer, Answer::Ok);
}

/// A late acknowledgement takes the failure back, and the time-out allows for it from then on.
#[test]
fn a_neighbour_that_is_only_slow_is_waited_for() {
    let mut leash = Leash::new();
    let round_trip = Duration::from_millis(800);
    for value in 0..10 {
        let message = json!({"type": "broadcast", "msg_id": 3, "message": value});
        let forwards: Vec<_> = leash
            .say("c1", message)
            .into_iter()
            .filter(|(dest, _)| dest == "n2" || dest == "n5")
            .collect();
        let meanwhile = leash.wait(round_trip);
        let copies = receivers(&meanwhile, &json!(value));
        let expected: &[&str] = if value == 0 { &["n3", "n4"] } else { &[] };
        assert_eq!(copies, expected, "value {value}");
        for (dest, body) in forwards {
            let id = &body["msg_id"];
            leash.say(&dest, json!({"type": "broadcast_ack", "message": value, "in_reply_to": id}));
        }
    }
    assert_eq!(leash.ask("failure_stats")["total_failures"], 2);
}
