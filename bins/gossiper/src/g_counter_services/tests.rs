use serde_json::{Value, json};

use super::*;
use crate::alone::{Alone, answer};

fn counter() -> Alone<CounterNode> {
    Alone::new(CounterNode::from_arguments(&mut Arguments::new(Vec::<&str>::new())).unwrap())
}

impl Alone<CounterNode> {
    /// The compare-and-set that an add leads to.
    fn add(&mut self, delta: i64) -> Value {
        let swap = self.says("c1", json!({"type": "add", "msg_id": 1, "delta": delta}), "seq-kv");
        assert_eq!(swap["type"], "cas");
        swap
    }

    /// Refuses a compare-and-set, after which the node looks what is there; it finds this.
    fn finds(&mut self, swap: &Value, there: &Value, then_speaks_to: &str) -> Value {
        let write =
            self.says("seq-kv", answer(swap, json!({"type": "error", "code": 22})), "seq-kv");
        assert_eq!(write["type"], "write", "a reader is shown nothing older than its own write");
        let read = self.says("seq-kv", answer(&write, json!({"type": "write_ok"})), "seq-kv");
        assert_eq!((&read["type"], &read["key"]), (&json!("read"), &swap["key"]));
        let found = answer(&read, json!({"type": "read_ok", "value": there}));
        self.says("seq-kv", found, then_speaks_to)
    }
}

#[test]
fn a_batch_that_arrives_twice_counts_once() {
    let mut node = counter();
    let swap = node.add(5);
    // The second copy fails because of the first, and says so earlier.
    let acknowledged = node.finds(&swap, &swap["to"], "c1");
    assert_eq!(acknowledged["type"], "add_ok");
    let next = node.add(3);
    assert_eq!((&next["from"], &next["to"]["sum"]), (&swap["to"], &json!(8)));
}

#[test]
fn a_batch_that_lost_to_another_node_is_added_to_what_is_there_now() {
    let mut node = counter();
    let swap = node.add(5);
    assert_eq!(swap["from"], json!(null));
    let there = json!({"sum": 7, "last": {"n2": "of another"}});
    let again = node.finds(&swap, &there, "seq-kv");
    assert_eq!((&again["from"], &again["to"]["sum"]), (&there, &json!(12)));
    assert_eq!(again["to"]["last"]["n2"], "of another");
    // Meanwhile another node has added on top of it, and the copy of this one is refused.
    let mut further = again["to"].clone();
    further["sum"] = json!(20);
    further["last"]["n2"] = json!("of another again");
    assert_eq!(node.finds(&again, &further, "c1")["type"], "add_ok");
}

#[test]
fn an_earlier_batch_in_the_sum_is_not_taken_for_this_one() {
    let mut node = counter();
    let first = node.add(5);
    let done = answer(&first, json!({"type": "cas_ok"}));
    assert_eq!(node.says("seq-kv", done, "c1")["type"], "add_ok");
    let second = node.add(2);
    let mut there = first["to"].clone();
    there["sum"] = json!(6);
    there["last"]["n2"] = json!("of another");
    assert_eq!(node.finds(&second, &there, "seq-kv")["to"]["sum"], 8);
}
