//! Broadcast with a reader thread, a channel, and a loop that waits on it with a time-out.
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The value of a field: digits, a text, or a list.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let from = line.find(&format!("\"{name}\":"))? + name.len() + 3;
    let rest = line[from..].trim_start();
    Some(match rest.as_bytes()[0] {
        b'"' => &rest[1..1 + rest[1..].find('"')?],
        b'[' => &rest[1..rest.find(']')?],
        _ => &rest[..rest.find(|c: char| !c.is_ascii_digit())?],
    })
}

fn send(source: &str, dest: &str, body: &str) {
    let line = format!("{{\"src\":\"{source}\",\"dest\":\"{dest}\",\"body\":{{{body}}}}}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

fn main() {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            sender.send(line.unwrap()).unwrap();
        }
    });
    let (mut node, mut neighbours, mut next_id) = (String::new(), Vec::<String>::new(), 0);
    let (mut seen, mut unacked) = (BTreeSet::new(), BTreeMap::<String, (String, String)>::new());
    // Its order differs from process to process unless randomness is ruled.
    let mut sent: HashMap<String, u64> = HashMap::new();
    let mut due = Instant::now() + Duration::from_millis(500);
    loop {
        let line = match receiver.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(line) => line,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                due += Duration::from_millis(500);
                for (dest, body) in unacked.values() {
                    send(&node, dest, body);
                }
                continue;
            }
        };
        let (kind, source) = (field(&line, "type").unwrap(), field(&line, "src").unwrap());
        let id = field(&line, "msg_id").unwrap_or("0");
        let mut reply = format!("\"type\":\"{kind}_ok\",\"in_reply_to\":{id}");
        match kind {
            "init" => node = field(&line, "node_id").unwrap().to_owned(),
            "topology" => {
                let list = field(&line, &node).unwrap();
                neighbours = list.split(',').map(|name| name.trim_matches([' ', '"']).to_owned()).collect();
            }
            "broadcast" => {
                let value: u64 = field(&line, "message").unwrap().parse().unwrap();
                if seen.insert(value) {
                    for dest in neighbours.iter().filter(|name| *name != source) {
                        next_id += 1;
                        *sent.entry(dest.clone()).or_default() += 1;
                        let body = format!("\"type\":\"broadcast\",\"message\":{value},\"msg_id\":{next_id}");
                        send(&node, dest, &body);
                        unacked.insert(next_id.to_string(), (dest.clone(), body));
                    }
                }
            }
            "broadcast_ok" => {
                unacked.remove(field(&line, "in_reply_to").unwrap());
                continue;
            }
            "read" => {
                let values: Vec<String> = seen.iter().map(u64::to_string).collect();
                reply += &format!(",\"messages\":[{}]", values.join(","));
                eprintln!("{sent:?}");
            }
            _ => {}
        }
        send(&node, source, &reply);
    }
}
