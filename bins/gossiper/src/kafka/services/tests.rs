use serde_json::{Value, json};

use super::*;
use crate::alone::{Alone, answer};

fn logs() -> Alone<ServicesNode> {
    Alone::new(ServicesNode::from_arguments(&mut Arguments::new(Vec::<&str>::new())).unwrap())
}

impl Alone<ServicesNode> {
    fn send(&mut self, client: &str, message: Value) -> Vec<Value> {
        self.hear(client, json!({"type": "send", "msg_id": 1, "key": "k", "msg": message}))
    }

    /// The compare-and-set that a message leads to.
    fn append(&mut self, client: &str, message: Value) -> Value {
        let said = self.send(client, message);
        assert_eq!((said.len(), &said[0]["body"]["type"]), (1, &json!("cas")), "{said:?}");
        said[0]["body"].clone()
    }

    fn poll(&mut self, from: u64) -> Vec<Value> {
        self.hear("c9", json!({"type": "poll", "msg_id": 1, "offsets": {"k": from}}))
    }

    /// What a poll brings once the store says that the log ends where the node asks for more.
    fn polled(&mut self, from: u64) -> Value {
        let said = self.poll(from);
        assert_eq!(said[0]["body"]["type"], "read", "{said:?}");
        self.says("lin-kv", missing(&said[0]["body"]), "c9")["msgs"]["k"].clone()
    }
}

fn done(request: &Value) -> Value {
    answer(request, json!({"type": "cas_ok"}))
}

fn holds(request: &Value, value: &Value) -> Value {
    answer(request, json!({"type": "read_ok", "value": value}))
}

fn missing(request: &Value) -> Value {
    answer(request, json!({"type": "error", "code": 20, "text": ""}))
}

fn taken(request: &Value) -> Value {
    answer(request, json!({"type": "error", "code": 22, "text": ""}))
}

#[test]
fn a_message_is_acknowledged_where_it_stands_even_if_a_poll_reads_it_before_that_is_known() {
    let mut node = logs();
    let append = node.append("c1", json!(7));
    assert_eq!(append["key"], "log/0/k");
    // It stands there, and the answer is on its way; a poll's is quicker.
    let read = node.poll(0)[0]["body"].clone();
    assert_eq!(read["key"], "log/0/k");
    let next = node.says("lin-kv", holds(&read, &append["to"]), "lin-kv");
    assert_eq!(next["key"], "log/1/k");
    let polled = node.says("lin-kv", missing(&next), "c9");
    assert_eq!(polled["msgs"]["k"], json!([[0, 7]]));
    let acknowledged = node.says("lin-kv", done(&append), "c1");
    assert_eq!((&acknowledged["type"], &acknowledged["offset"]), (&json!("send_ok"), &json!(0)));
    // No hole behind it: nobody could read beyond one.
    assert_eq!(node.append("c1", json!(8))["key"], "log/1/k");
    assert_eq!(node.polled(0), json!([[0, 7]]));
}

#[test]
fn a_request_that_arrives_twice_appends_once() {
    let mut node = logs();
    let append = node.append("c1", json!(null));
    // The second copy fails because of the first, and says so earlier.
    let look = node.says("lin-kv", taken(&append), "lin-kv");
    assert_eq!((&look["type"], &look["key"]), (&json!("read"), &append["key"]));
    let acknowledged = node.says("lin-kv", holds(&look, &append["to"]), "c1");
    assert_eq!((&acknowledged["type"], &acknowledged["offset"]), (&json!("send_ok"), &json!(0)));
    assert!(node.hear("lin-kv", done(&append)).is_empty());
    assert_eq!(node.append("c1", json!(8))["key"], "log/1/k");
}

#[test]
fn what_another_node_wrote_is_remembered_and_the_next_place_is_tried() {
    let mut node = logs();
    let append = node.append("c1", json!(7));
    let look = node.says("lin-kv", taken(&append), "lin-kv");
    let again = node.says("lin-kv", holds(&look, &json!([7, "of another"])), "lin-kv");
    assert_eq!((&again["type"], &again["key"]), (&json!("cas"), &json!("log/1/k")));
    assert_eq!(again["to"], append["to"]);
    assert_eq!(node.says("lin-kv", done(&again), "c1")["offset"], 1);
    assert_eq!(node.polled(0), json!([[0, 7], [1, 7]]));
}

#[test]
fn messages_of_one_log_go_one_after_the_other_and_silence_ends_one_of_them() {
    let mut node = logs();
    let first = node.append("c1", json!(1));
    assert!(node.send("c2", json!(2)).is_empty());
    let said: Vec<Value> =
        node.0.advance(SERVICE).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Nobody knows what became of it.
    assert_eq!((&said[0]["dest"], &said[0]["body"]["code"]), (&json!("c1"), &json!(0)));
    let second = said[1]["body"].clone();
    assert_eq!((&second["type"], &second["key"]), (&json!("cas"), &json!("log/0/k")));
    // It was there all the time.
    let look = node.says("lin-kv", taken(&second), "lin-kv");
    let again = node.says("lin-kv", holds(&look, &first["to"]), "lin-kv");
    assert_eq!(again["key"], "log/1/k");
    // What the place held cannot be known if the store is silent now.
    node.hear("lin-kv", taken(&again));
    let said = node.0.advance(SERVICE);
    assert!(said[0].contains(r#""code":0"#), "{said:?}");
}

#[test]
fn a_commit_never_takes_back_a_later_one() {
    let mut node = logs();
    let commit =
        |offset: u64| json!({"type": "commit_offsets", "msg_id": 1, "offsets": {"k": offset}});
    let look = node.says("c1", commit(5), "lin-kv");
    assert_eq!((&look["type"], &look["key"]), (&json!("read"), &json!("committed/k")));
    let swap = node.says("lin-kv", missing(&look), "lin-kv");
    assert_eq!((&swap["type"], &swap["to"]), (&json!("cas"), &json!(5)));
    // Somebody else was quicker, but not as far.
    let look = node.says("lin-kv", taken(&swap), "lin-kv");
    let swap = node.says("lin-kv", holds(&look, &json!(3)), "lin-kv");
    assert_eq!((&swap["from"], &swap["to"]), (&json!(3), &json!(5)));
    let look = node.says("lin-kv", taken(&swap), "lin-kv");
    assert_eq!(node.says("lin-kv", holds(&look, &json!(9)), "c1")["type"], "commit_offsets_ok");
}
