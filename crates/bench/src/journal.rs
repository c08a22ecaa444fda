//! `messages.jsonl`: every message of a run and what became of it, one JSON object a line, written
//! as the run goes on so that nothing of it has to be kept in memory.
//!
//! `{"time":NS,"id":N,"event":"send","src":"n1","dest":"n2","body":{...}}`: `time` is that of the
//! world in nanoseconds, `id` the number that the network gave to the message. It is followed by a
//! `recv` for each time that it arrives, or by a `lost` with its `reason`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use proto::{AnyBody, NodeId, Payload, Time};
use rustc_hash::FxHashMap;
use simulator::{Fate, Observation};

/// What is gathered before it is written, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;
/// Longest body that is written out; of a longer one only the length is told.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Where a journal ends at the latest, in bytes: a node that floods must not fill the disk.
const JOURNAL_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// How many bodies are remembered while they are on their way, in bytes.
const REMEMBERED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What happened to a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageEvent {
    /// It was sent.
    Send,
    /// It was handed to its receiver.
    Receive,
    /// It never arrived.
    Lost(Loss),
}

/// Why a message never arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// The network lost it, as it was told to.
    Loss,
    /// A partition stood between sender and receiver when it arrived.
    Partition,
    /// Its receiver was not running, or did not read what it was sent.
    Down,
    /// There is nobody of that name.
    Nobody,
}

impl Loss {
    /// As the journal has it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Partition => "partition",
            Self::Down => "down",
            Self::Nobody => "nobody",
        }
    }
}

/// Which messages are copied to stderr as they go: Maelstrom's `--log-net-send`, `--log-net-recv`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoggedMessages {
    /// Those that enter the network.
    pub sent: bool,
    /// Those that leave it.
    pub received: bool,
}

/// Writes `messages.jsonl`.
#[derive(Debug)]
pub struct Journal {
    logged: LoggedMessages,
    out: BufWriter<File>,
    /// Where it ends, in bytes; the line that crosses it is whole.
    bytes_max: u64,
    written: u64,
    error: Option<io::Error>,
    line: Vec<u8>,
    /// Kept for its memory.
    body: Vec<u8>,
    /// The bodies of messages on their way that are no text yet, by number: to write one out takes most
    /// of the time, and what arrives is what was sent.
    remembered: FxHashMap<u64, Box<[u8]>>,
    /// The bytes of those.
    remembered_bytes: usize,
}

impl Journal {
    /// A new journal in place of whatever is at `path`, with a copy of some messages on stderr.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn create(path: &Path, logged: LoggedMessages) -> io::Result<Self> {
        let out = BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?);
        let bytes_max = JOURNAL_BYTES_MAX;
        Ok(Self {
            logged,
            out,
            bytes_max,
            written: 0,
            error: None,
            line: Vec::new(),
            body: Vec::new(),
            remembered: FxHashMap::default(),
            remembered_bytes: 0,
        })
    }

    /// Adds what happened to a message at `time`. `body` is the JSON text of its body. An error is
    /// kept for [`Journal::finish`]: a full disk is no reason to end a run.
    pub fn record(
        &mut self,
        time: Time,
        id: u64,
        event: MessageEvent,
        between: (&NodeId, &NodeId),
        body: &str,
    ) {
        self.put(time, id, event, between, body.as_bytes());
    }

    fn put(
        &mut self,
        time: Time,
        id: u64,
        event: MessageEvent,
        (src, dest): (&NodeId, &NodeId),
        body: &[u8],
    ) {
        let is_logged = match event {
            MessageEvent::Send => self.logged.sent,
            MessageEvent::Receive => self.logged.received,
            MessageEvent::Lost(_) => false,
        };
        let is_kept = self.error.is_none() && self.written < self.bytes_max;
        if !is_logged && !is_kept {
            return;
        }
        self.line.clear();
        let mut result = write_line(&mut self.line, time, id, event, (src, dest), body);
        if is_logged {
            // That nobody may be listening is no reason to stop.
            let _ = io::stderr().write_all(&self.line);
        }
        if !is_kept {
            return;
        }
        result = result.and_then(|()| self.out.write_all(&self.line));
        self.written += self.line.len() as u64;
        self.error = result.err();
    }

    /// Adds what the network shows.
    pub fn note(&mut self, seen: &Observation<'_>) {
        let event = match seen.fate {
            Fate::Sent => MessageEvent::Send,
            Fate::Received => MessageEvent::Receive,
            Fate::Lost => MessageEvent::Lost(Loss::Loss),
            Fate::Cut => MessageEvent::Lost(Loss::Partition),
            Fate::ReceiverDown => MessageEvent::Lost(Loss::Down),
            Fate::NoReceiver => MessageEvent::Lost(Loss::Nobody),
        };
        let between = (&seen.message.src, &seen.message.dest);
        if let Payload::Body(AnyBody::Text(body)) = &seen.message.payload {
            return self.record(seen.time, seen.number, event, between, body);
        }
        if event != MessageEvent::Send
            && let Some(body) = self.remembered.remove(&seen.number)
        {
            self.remembered_bytes -= body.len();
            return self.put(seen.time, seen.number, event, between, &body);
        }
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        // A body that cannot be written is a defect of the node's types, which a real process shows.
        if proto::write_body(seen.message, &mut body).is_ok() {
            self.put(seen.time, seen.number, event, between, &body);
            if event == MessageEvent::Send
                && self.remembered_bytes + body.len() <= REMEMBERED_BYTES_MAX
            {
                self.remembered_bytes += body.len();
                self.remembered.insert(seen.number, body.as_slice().into());
            }
        }
        self.body = body;
    }

    /// Whether it has reached its end, so that later messages are missing.
    pub fn is_full(&self) -> bool {
        self.written >= self.bytes_max
    }

    /// Writes out what is still in memory.
    ///
    /// # Errors
    /// The first error since the journal was begun.
    pub fn finish(mut self) -> io::Result<()> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }
}

/// Bodies are copied as they are: they are JSON already, and this is done for every message.
fn write_line(
    line: &mut Vec<u8>,
    time: Time,
    id: u64,
    event: MessageEvent,
    (src, dest): (&NodeId, &NodeId),
    body: &[u8],
) -> io::Result<()> {
    line.extend_from_slice(b"{\"time\":");
    proto::write_json(&time.as_nanos(), line)?;
    line.extend_from_slice(b",\"id\":");
    proto::write_json(&id, line)?;
    line.extend_from_slice(b",\"event\":");
    match event {
        MessageEvent::Send => line.extend_from_slice(b"\"send\""),
        MessageEvent::Receive => line.extend_from_slice(b"\"recv\""),
        MessageEvent::Lost(reason) => write!(line, "\"lost\",\"reason\":\"{}\"", reason.as_str())?,
    }
    line.extend_from_slice(b",\"src\":");
    write_name(line, src)?;
    line.extend_from_slice(b",\"dest\":");
    write_name(line, dest)?;
    line.extend_from_slice(b",\"body\":");
    if body.len() <= BODY_BYTES_MAX {
        line.extend_from_slice(body);
    } else {
        write!(line, "\"({} bytes)\"", body.len())?;
    }
    line.extend_from_slice(b"}\n");
    Ok(())
}

/// Names are short and mostly plain.
fn write_name(line: &mut Vec<u8>, name: &NodeId) -> io::Result<()> {
    let text = name.as_str();
    if text.bytes().any(|byte| matches!(byte, b'"' | b'\\' | 0..b' ')) {
        return Ok(serde_json::to_writer(line, text)?);
    }
    line.push(b'"');
    line.extend_from_slice(text.as_bytes());
    line.push(b'"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: MessageEvent, body: &str) -> String {
        let mut line = Vec::new();
        let (src, dest) = (NodeId::new("c\"1"), NodeId::new("n1"));
        write_line(&mut line, Time::from_nanos(12), 7, event, (&src, &dest), body.as_bytes())
            .unwrap();
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_line_tells_what_happened_to_a_message() {
        assert_eq!(
            line(MessageEvent::Send, r#"{"type":"x"}"#),
            "{\"time\":12,\"id\":7,\"event\":\"send\",\"src\":\"c\\\"1\",\"dest\":\"n1\",\
             \"body\":{\"type\":\"x\"}}\n"
        );
        for (event, expected) in [
            (MessageEvent::Receive, r#""event":"recv","src""#),
            (MessageEvent::Lost(Loss::Loss), r#""event":"lost","reason":"loss","src""#),
            (MessageEvent::Lost(Loss::Partition), r#""reason":"partition""#),
            (MessageEvent::Lost(Loss::Down), r#""reason":"down""#),
            (MessageEvent::Lost(Loss::Nobody), r#""reason":"nobody""#),
        ] {
            let line = line(event, "{}");
            assert!(line.contains(expected), "{line}");
            serde_json::from_str::<serde_json::Value>(&line).unwrap();
        }
    }

    /// Whether it was remembered or is written out anew.
    #[test]
    fn what_arrives_has_the_body_that_was_sent() {
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Body {
            Tell { number: u64 },
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("messages.jsonl");
        let mut journal = Journal::create(&path, LoggedMessages::default()).unwrap();
        let message = |number| proto::Message {
            src: NodeId::new("n1"),
            dest: NodeId::new("n2"),
            msg_id: Some(proto::MessageId(number)),
            in_reply_to: None,
            payload: Payload::Body(AnyBody::typed(Body::Tell { number })),
        };
        let (sent, received) = (Fate::Sent, Fate::Received);
        let fates = [(1, sent), (2, sent), (2, received), (1, Fate::Lost), (2, received)];
        for (number, fate) in fates {
            let message = &message(number);
            journal.note(&Observation { time: Time::ZERO, number, fate, message });
        }
        assert!(journal.remembered.is_empty() && journal.remembered_bytes == 0);
        journal.remembered_bytes = REMEMBERED_BYTES_MAX;
        journal.note(&Observation {
            time: Time::ZERO,
            number: 3,
            fate: sent,
            message: &message(3),
        });
        assert!(journal.remembered.is_empty(), "there is no room");
        journal.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let bodies: Vec<_> =
            text.lines().filter_map(|line| line.split("\"body\":").nth(1)).collect();
        let body = |n| format!("{{\"type\":\"tell\",\"number\":{n},\"msg_id\":{n}}}}}");
        assert_eq!(bodies, [1, 2, 2, 1, 2, 3].map(body));
    }

    #[test]
    fn of_a_huge_body_only_the_length_is_kept() {
        let body = format!("[{}0]", "0,".repeat(BODY_BYTES_MAX));
        let line = line(MessageEvent::Send, &body);
        assert!(line.ends_with(&format!("\"body\":\"({} bytes)\"}}\n", body.len())), "{line}");
    }

    #[test]
    fn a_journal_ends_with_the_line_that_crosses_its_bound_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("messages.jsonl");
        let mut journal = Journal::create(&path, LoggedMessages::default()).unwrap();
        journal.bytes_max = 1000;
        let (src, dest) = (NodeId::new("n0"), NodeId::new("n1"));
        let mut line = 0;
        for id in 0..10_000 {
            assert_eq!(journal.is_full(), journal.written >= 1000, "message {id}");
            journal.record(Time::ZERO, id, MessageEvent::Send, (&src, &dest), r#"{"type":"x"}"#);
            line = line.max(journal.line.len() as u64);
        }
        assert!(journal.is_full());
        journal.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!((1000..1000 + line).contains(&(text.len() as u64)), "{} bytes", text.len());
        assert!(text.ends_with("}\n"), "the last line is whole");
        const { assert!(JOURNAL_BYTES_MAX == 512 << 20, "as ARCHITECTURE.md has it") };
    }
}
