//! A node for the workloads echo, unique-ids and broadcast.

use std::io::{self, BufRead, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{json, Value};

#[derive(Default)]
struct Node {
    id: String,
    neighbours: Vec<String>,
    values: Vec<Value>,
    /// A node that was killed and started again must not repeat itself: its ids begin with its start.
    started: u128,
    count: u64,
}

impl Node {
    fn send(&self, dest: &str, body: Value) -> io::Result<()> {
        // One line a message; `println!` would panic when nobody reads any more.
        writeln!(io::stdout(), "{}", json!({"src": self.id, "dest": dest, "body": body}))
    }

    /// The reply to a request.
    fn answer(&mut self, source: &str, body: &Value) -> io::Result<Value> {
        Ok(match body["type"].as_str().unwrap_or_default() {
            "init" => {
                self.id = body["node_id"].as_str().unwrap_or_default().to_owned();
                json!({"type": "init_ok"})
            }
            "echo" => json!({"type": "echo_ok", "echo": body["echo"]}),
            "generate" => {
                self.count += 1;
                let id = format!("{}-{}-{}", self.id, self.started, self.count);
                json!({"type": "generate_ok", "id": id})
            }
            "topology" => {
                let list = body["topology"][&self.id].as_array().into_iter().flatten();
                self.neighbours = list.filter_map(|peer| Some(peer.as_str()?.to_owned())).collect();
                json!({"type": "topology_ok"})
            }
            "broadcast" => {
                let value = &body["message"];
                if !self.values.contains(value) {
                    self.values.push(value.clone());
                    // What is lost on its way is not sent again: `--nemesis partition` finds out.
                    for peer in self.neighbours.iter().filter(|peer| *peer != source) {
                        self.send(peer, json!({"type": "broadcast", "message": value}))?;
                    }
                }
                json!({"type": "broadcast_ok"})
            }
            "read" => json!({"type": "read_ok", "messages": self.values}),
            kind => json!({"type": "error", "code": 10, "text": format!("unknown type {kind}")}),
        })
    }
}

fn main() -> io::Result<()> {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    let mut node = Node { started, ..Node::default() };
    for line in io::stdin().lock().lines() {
        let line = line?;
        // stdout is for messages only; what is for people goes to stderr.
        eprintln!("{line}");
        let message: Value = serde_json::from_str(&line)?;
        let (source, body) = (message["src"].as_str().unwrap_or_default(), &message["body"]);
        let mut reply = node.answer(source, body)?;
        if let Some(id) = body.get("msg_id") {
            reply["in_reply_to"] = id.clone();
            node.send(source, reply)?;
        }
    }
    Ok(())
}
