//! `messages.jsonl`: every message of a run and what became of it, one JSON object a line, written
//! as the run goes on so that nothing of it has to be kept in memory.
//!
//! `{"time":NS,"id":N,"event":"send","src":"n1","dest":"n2","body":{...}}`: `time` is that of the
//! world in nanoseconds, `id` the number that the network gave to the message. It is followed by a
//! `recv` for each time that it arrives, or by a `lost` with its `reason`.
//!
//! Lines are put together and written on a thread of their own, so that a run does not wait for its disk.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use proto::{AnyBody, NodeId, Payload, Time};
use rustc_hash::FxHashMap;
use simulator::{Fate, Observation};

/// What is gathered before it is written, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;
/// Longest body that is written out; of a longer one only the length is told.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How many bytes of bodies, or else lines, are handed on to be written at once.
const BATCH_BYTES: usize = 64 * 1024;
/// See [`BATCH_BYTES`].
const BATCH_LINES: usize = 1024;
/// How many batches may wait to be written; then the run waits.
const BATCHES_MAX: usize = 16;
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

impl LoggedMessages {
    const fn has(self, event: MessageEvent) -> bool {
        match event {
            MessageEvent::Send => self.sent,
            MessageEvent::Receive => self.received,
            MessageEvent::Lost(_) => false,
        }
    }
}

/// Keeps `messages.jsonl`.
#[derive(Debug)]
pub struct Journal {
    logged: LoggedMessages,
    batch: Batch,
    batches: SyncSender<Batch>,
    writer: JoinHandle<io::Result<()>>,
    is_full: Arc<AtomicBool>,
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
    /// If the file cannot be made, or there can be no further thread.
    pub fn create(path: &Path, logged: LoggedMessages) -> io::Result<Self> {
        Self::bounded(path, logged, JOURNAL_BYTES_MAX)
    }

    /// The same that ends with the line that crosses so many bytes.
    fn bounded(path: &Path, logged: LoggedMessages, bytes_max: u64) -> io::Result<Self> {
        let out = BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?);
        let is_full = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            logged,
            out,
            bytes_max,
            written: 0,
            is_full: Arc::clone(&is_full),
            error: None,
            line: Vec::new(),
        };
        let (batches, to_write) = sync_channel(BATCHES_MAX);
        let name = "messages".to_owned();
        Ok(Self {
            logged,
            batch: Batch::new(),
            batches,
            writer: thread::Builder::new().name(name).spawn(move || writer.write(&to_write))?,
            is_full,
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
        let is_logged = self.logged.has(event);
        if self.is_full() && !is_logged {
            return;
        }
        let (src, dest) = (src.clone(), dest.clone());
        self.batch.push(Entry { time, id, event, src, dest, body_length: body.len() }, body);
        // Whoever watches wants to see it now.
        if is_logged || self.batch.is_large() {
            self.hand_on();
        }
    }

    /// Has what was gathered written. That the writer is gone shows when it is asked how it fared.
    fn hand_on(&mut self) {
        let _ = self.batches.send(std::mem::replace(&mut self.batch, Batch::new()));
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
        self.is_full.load(Ordering::Relaxed)
    }

    /// Writes out what is still in memory.
    ///
    /// # Errors
    /// The first error since the journal was begun.
    pub fn finish(mut self) -> io::Result<()> {
        self.hand_on();
        let Self { batches, writer, .. } = self;
        drop(batches);
        writer.join().map_err(|_| io::Error::other("its writer ended early"))?
    }
}

/// What happened to a message.
#[derive(Debug)]
struct Entry {
    time: Time,
    id: u64,
    event: MessageEvent,
    src: NodeId,
    dest: NodeId,
    /// In bytes.
    body_length: usize,
}

impl Entry {
    /// How many bytes of the body are kept: a long one is not written out.
    const fn kept_length(&self) -> usize {
        if self.body_length <= BODY_BYTES_MAX { self.body_length } else { 0 }
    }
}

/// Entries, and what is kept of their bodies one after the other.
#[derive(Debug)]
struct Batch {
    entries: Vec<Entry>,
    bodies: Vec<u8>,
}

impl Batch {
    fn new() -> Self {
        let bodies = Vec::with_capacity(BATCH_BYTES + BATCH_BYTES / 16);
        Self { entries: Vec::with_capacity(BATCH_LINES / 2), bodies }
    }

    fn push(&mut self, entry: Entry, body: &[u8]) {
        self.bodies.extend_from_slice(&body[..entry.kept_length()]);
        self.entries.push(entry);
    }

    const fn is_large(&self) -> bool {
        self.bodies.len() >= BATCH_BYTES || self.entries.len() >= BATCH_LINES
    }
}

/// Who writes the lines.
struct Writer {
    logged: LoggedMessages,
    out: BufWriter<File>,
    /// Where the file ends, in bytes; the line that crosses it is whole.
    bytes_max: u64,
    written: u64,
    is_full: Arc<AtomicBool>,
    error: Option<io::Error>,
    /// Kept for its memory.
    line: Vec<u8>,
}

impl Writer {
    /// Writes all that comes.
    fn write(mut self, batches: &Receiver<Batch>) -> io::Result<()> {
        for Batch { entries, bodies } in batches {
            let mut bodies = &*bodies;
            for entry in &entries {
                let (body, later) = bodies.split_at(entry.kept_length());
                self.put(entry, body);
                bodies = later;
            }
        }
        match self.error.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }

    fn put(&mut self, entry: &Entry, body: &[u8]) {
        let is_logged = self.logged.has(entry.event);
        let is_kept = self.error.is_none() && self.written < self.bytes_max;
        if !is_logged && !is_kept {
            return;
        }
        self.line.clear();
        let mut result = write_line(&mut self.line, entry, body);
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
        if self.written >= self.bytes_max {
            self.is_full.store(true, Ordering::Relaxed);
        }
    }
}

/// Bodies are copied as they are: they are JSON already, and this is done for every message.
fn write_line(line: &mut Vec<u8>, entry: &Entry, body: &[u8]) -> io::Result<()> {
    let Entry { time, id, event, src, dest, body_length } = entry;
    line.extend_from_slice(b"{\"time\":");
    proto::write_json(&time.as_nanos(), line)?;
    line.extend_from_slice(b",\"id\":");
    proto::write_json(id, line)?;
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
    if *body_length <= BODY_BYTES_MAX {
        line.extend_from_slice(body);
    } else {
        write!(line, "\"({body_length} bytes)\"")?;
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
        let (time, body_length) = (Time::from_nanos(12), body.len());
        let entry = Entry { time, id: 7, event, src, dest, body_length };
        write_line(&mut line, &entry, body.as_bytes()).unwrap();
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
        let mut journal = Journal::bounded(&path, LoggedMessages::default(), 1000).unwrap();
        let (src, dest) = (NodeId::new("n0"), NodeId::new("n1"));
        let mut id = 0;
        while !journal.is_full() {
            journal.record(Time::ZERO, id, MessageEvent::Send, (&src, &dest), r#"{"type":"x"}"#);
            id += 1;
        }
        assert!(id > 0, "it is not full at the beginning");
        journal.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let line = text.lines().map(|line| line.len() + 1).max().unwrap_or_default() as u64;
        assert!((1000..1000 + line).contains(&(text.len() as u64)), "{} bytes", text.len());
        assert!(text.ends_with("}\n"), "the last line is whole");
        const { assert!(JOURNAL_BYTES_MAX == 512 << 20, "as ARCHITECTURE.md has it") };
    }
}
