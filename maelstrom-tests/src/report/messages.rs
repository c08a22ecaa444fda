//! `messages.jsonl`, the journal of the network: counted whole, and read where a report shows it.
//!
//! The file may have gigabytes. One pass counts and notes where every thousandth line begins; what
//! is shown is then read from there. Of a journal that is shown whole, that pass keeps the messages.

mod follow;
mod line;
mod on_the_way;

use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

pub use follow::Follower;
use line::{Content, Line, Start};
use on_the_way::OnTheWay;
use rustc_hash::FxHashMap;

use super::text;
use super::window::length_of_each;
use crate::lines::Lines;

/// How many lines one entry of the index stands for.
const INDEX_STEP: usize = 1000;
/// What a report shows of a journal. A message has at most three lines, mostly two.
pub const SHOWN_LINES_MAX: usize = 200_000;
/// The messages of a journal that is shown whole are kept if their bodies have no more bytes.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// After how many characters bodies are cut where so many lines are shown.
pub fn shown_length(lines: usize) -> usize {
    length_of_each(lines / 2)
}

/// How much one endpoint sent and got.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    /// Messages that it sent.
    pub sent: usize,
    /// Messages that it got.
    pub received: usize,
    /// Messages to it that were lost on the way.
    pub lost: usize,
}

/// The journal of a run.
#[derive(Default, Debug, PartialEq)]
pub struct Journal {
    path: PathBuf,
    /// What is subtracted from the times in the file.
    time_zero: u64,
    /// Node, client and service names, as they first appear.
    pub endpoints: Vec<String>,
    /// By place in [`Self::endpoints`].
    pub traffic: Vec<Traffic>,
    /// All that was sent.
    pub sent: usize,
    /// Lines that are no messages.
    pub bad_lines: usize,
    lines: usize,
    /// Which lines are not as ours are, or cut off, in order.
    odd: Vec<usize>,
    /// Time and place of lines 0, [`INDEX_STEP`], 2 · [`INDEX_STEP`]...
    index: Vec<(u64, u64)>,
    /// All messages in the order in which they were sent, as they are shown, if they are few enough.
    kept: Option<Vec<Message>>,
}

/// A message on its way from one endpoint to another.
#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    /// When it was sent, in nanoseconds since the run started.
    pub sent: u64,
    /// When it arrived; `None` if it never did as far as was read.
    pub received: Option<u64>,
    /// Why it was lost, if it was.
    pub lost: Option<String>,
    /// Place in [`Journal::endpoints`].
    pub src: usize,
    /// Place in [`Journal::endpoints`].
    pub dest: usize,
    /// `type` of its body.
    pub kind: String,
    /// `msg_id` of its body.
    pub msg_id: Option<u64>,
    /// `in_reply_to` of its body.
    pub in_reply_to: Option<u64>,
    /// The rest of the body as JSON text.
    pub body: String,
}

impl Message {
    /// Its type and what is in it, in one line of at most so many characters.
    pub fn shown(&self, characters_max: usize) -> String {
        text::line(&format!("{} {}", self.kind, self.body), characters_max)
    }

    /// Counts its times from this one on.
    fn start_at(&mut self, time_zero: u64) {
        self.sent = self.sent.saturating_sub(time_zero);
        self.received = self.received.map(|time| time.saturating_sub(time_zero));
    }
}

impl Journal {
    /// The name of the file in a run's directory.
    pub const FILE: &str = "messages.jsonl";

    /// Counts the messages of a run; an empty journal if there is no file. Its times begin when the
    /// nodes were started; `time_zero` is when the history began, in those.
    pub fn read(run_dir: &Path, time_zero: u64) -> io::Result<Self> {
        let path = run_dir.join(Self::FILE);
        let lines = Lines::open(&path)?;
        Ok(Self::of_lines(path, lines)?.since(time_zero))
    }

    /// Reads and counts lines, if there are any, which are those of `path`.
    fn of_lines(path: PathBuf, lines: Option<Lines<impl Read>>) -> io::Result<Self> {
        let mut journal = Self { path, ..Self::default() };
        let Some(mut lines) = lines else { return Ok(journal) };
        let mut reader = Reader { kept: Some(Messages::default()), ..Reader::default() };
        let mut time = 0;
        while let Some((offset, line)) = lines.next()? {
            match reader.read(line, &mut journal) {
                Some(at) => time = at,
                None => journal.bad_lines += 1,
            }
            if journal.lines.is_multiple_of(INDEX_STEP) {
                journal.index.push((time, offset));
            }
            journal.lines += 1;
            reader.kept = reader.kept.filter(|kept| {
                journal.lines <= SHOWN_LINES_MAX && kept.body_bytes <= KEPT_BYTES_MAX
            });
        }
        journal.bad_lines += lines.skipped;
        let body_length_max = Some(shown_length(journal.lines));
        journal.kept = reader.kept.map(|kept| Messages { body_length_max, ..kept }.in_order(0));
        Ok(journal)
    }

    /// The same with times since this one, when the history began.
    fn since(mut self, time_zero: u64) -> Self {
        self.time_zero = time_zero;
        for (time, _) in &mut self.index {
            *time = time.saturating_sub(time_zero);
        }
        for message in self.kept.iter_mut().flatten() {
            message.start_at(time_zero);
        }
        self
    }

    /// Counts what a line tells; the places of sender and receiver.
    fn count(&mut self, line: &Line<'_>, places: &mut FxHashMap<String, usize>) -> (usize, usize) {
        let src = self.endpoint(&line.src, places);
        let dest = self.endpoint(&line.dest, places);
        match &*line.event {
            "recv" => self.traffic[dest].received += 1,
            "lost" => self.traffic[dest].lost += 1,
            _ => {
                self.sent += 1;
                self.traffic[src].sent += 1;
            }
        }
        (src, dest)
    }

    fn endpoint(&mut self, name: &str, places: &mut FxHashMap<String, usize>) -> usize {
        if let Some(&place) = places.get(name) {
            return place;
        }
        places.insert(name.to_owned(), self.endpoints.len());
        self.endpoints.push(name.to_owned());
        self.traffic.push(Traffic::default());
        self.endpoints.len() - 1
    }

    /// How many lines the file has.
    pub const fn lines(&self) -> usize {
        self.lines
    }

    /// About the first line of this time or later.
    pub fn line_at(&self, time: u64) -> usize {
        let entry = self.index.partition_point(|&(start, _)| start < time);
        entry.saturating_sub(1) * INDEX_STEP
    }

    /// The messages of these lines, bodies cut to so many characters, in the order in which they
    /// were sent. What arrived in these lines but was sent before them is left out.
    pub fn messages(
        &self,
        range: Range<usize>,
        body_length_max: usize,
    ) -> io::Result<Cow<'_, [Message]>> {
        let is_kept = range == (0..self.lines) && body_length_max == shown_length(self.lines);
        if let Some(kept) = self.kept.as_deref().filter(|_| is_kept) {
            return Ok(Cow::Borrowed(kept));
        }
        let places: FxHashMap<_, _> = self.endpoints.iter().map(String::as_str).zip(0..).collect();
        let mut messages =
            Messages { body_length_max: Some(body_length_max), ..Messages::default() };
        let Some(mut lines) = Lines::open(&self.path)? else { return Ok(Cow::default()) };
        let Some(&(_, offset)) = self.index.get(range.start / INDEX_STEP) else {
            return Ok(Cow::default());
        };
        lines.seek(offset)?;
        let first = range.start / INDEX_STEP * INDEX_STEP;
        let mut odd = self.odd[self.odd.partition_point(|odd| *odd < first)..].iter().peekable();
        let mut number = first;
        while number < range.end
            && let Some((_, line)) = lines.next()?
        {
            let is_odd = odd.next_if_eq(&&number).is_some();
            if number >= range.start {
                messages.read(line, is_odd, &places);
            }
            number += 1;
        }
        Ok(Cow::Owned(messages.in_order(self.time_zero)))
    }
}

/// Reads each line of a journal once.
#[derive(Default)]
struct Reader {
    /// Places of endpoints.
    places: FxHashMap<String, usize>,
    on_the_way: OnTheWay,
    /// What is kept as long as it is not too much.
    kept: Option<Messages>,
}

impl Reader {
    /// Reads a line; when it was, unless it is none.
    fn read(&mut self, text: &[u8], journal: &mut Journal) -> Option<u64> {
        let start = Start::read(text);
        // Half of the lines say no more than that what was sent arrived.
        if let Some(start) = &start
            && let Some(message) = start.received()
            && let Some(dest) = self.on_the_way.receiver(start.id, message)
        {
            journal.traffic[dest].received += 1;
            if let Some(kept) = &mut self.kept {
                kept.received(start.id, start.time);
            }
            return Some(start.time);
        }
        let (line, content) = match Line::whole(text, self.kept.is_some()) {
            Some(whole) => whole,
            None => {
                journal.odd.push(journal.lines);
                (Line::of_json(text).ok()?, None)
            }
        };
        let (src, dest) = journal.count(&line, &mut self.places);
        if let Some(message) = start.and_then(|start| start.sent()) {
            self.on_the_way.note(line.id, message, dest);
        }
        if let Some(kept) = &mut self.kept {
            kept.push(&line, content, (src, dest));
        }
        Some(line.time)
    }
}

/// Puts sends and receipts together.
#[derive(Default)]
struct Messages {
    /// By message id, the last message of this id.
    sent: FxHashMap<u64, usize>,
    messages: Vec<Message>,
    /// After how many characters a body is cut, if that is known.
    body_length_max: Option<usize>,
    /// What the bodies have.
    body_bytes: usize,
}

impl Messages {
    /// Reads a line of a journal that was counted.
    fn read(&mut self, text: &[u8], is_odd: bool, places: &FxHashMap<&str, usize>) {
        if !is_odd
            && let Some(start) = Start::read(text)
            && start.received().is_some()
            && self.received(start.id, start.time)
        {
            return;
        }
        let line = match is_odd {
            true => Line::of_json(text).ok(),
            false => Line::cut_up(text),
        };
        if let Some(line) = line
            && let Some(&src) = places.get(&*line.src)
            && let Some(&dest) = places.get(&*line.dest)
        {
            self.push(&line, None, (src, dest));
        }
    }

    /// Notes that a message arrived; `false` if it is not known.
    fn received(&mut self, id: u64, time: u64) -> bool {
        let Some(&place) = self.sent.get(&id) else { return false };
        let message = &mut self.messages[place];
        if message.received.is_none() {
            message.received = Some(time);
        } else {
            // A duplicate: a second arrow from the same place.
            let again = Message { received: Some(time), ..message.clone() };
            self.body_bytes += again.body.len();
            self.messages.push(again);
        }
        true
    }

    fn push(&mut self, line: &Line<'_>, content: Option<Content>, (src, dest): (usize, usize)) {
        match &*line.event {
            "recv" => _ = self.received(line.id, line.time),
            "lost" => {
                if let Some(&place) = self.sent.get(&line.id) {
                    let reason = line.reason.as_deref().unwrap_or("lost");
                    self.messages[place].lost = Some(text::line(reason, 80));
                }
            }
            _ => {
                self.sent.insert(line.id, self.messages.len());
                let content = content.unwrap_or_else(|| line.content());
                let Content { kind, msg_id, in_reply_to, rest } = content;
                self.body_bytes += rest.len();
                self.messages.push(Message {
                    sent: line.time,
                    received: None,
                    lost: None,
                    src,
                    dest,
                    kind: text::own_line(kind.unwrap_or_else(|| "?".to_owned()), 60),
                    msg_id,
                    in_reply_to,
                    body: rest,
                });
            }
        }
    }

    /// The messages in the order in which they were sent, with times since this one.
    fn in_order(mut self, time_zero: u64) -> Vec<Message> {
        for message in &mut self.messages {
            message.start_at(time_zero);
            if let Some(length) = self.body_length_max {
                message.body = text::own_line(std::mem::take(&mut message.body), length);
            }
        }
        self.messages.sort_by_key(|message| message.sent);
        self.messages
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const LINES: &str = r#"{"time":1,"id":0,"event":"send","src":"c1","dest":"n1","body":{"type":"broadcast","message":5,"msg_id":1}}
{"time":2,"id":0,"event":"recv","src":"c1","dest":"n1","body":{"type":"broadcast","message":5,"msg_id":1}}
garbage
{"time":3,"id":1,"event":"send","src":"n1","dest":"n2","body":{"type":"gossip","messages":[5]}}
{"time":4,"id":1,"event":"lost","reason":"partition","src":"n1","dest":"n2","body":{"type":"gossip","messages":[5]}}
{"time":5,"id":2,"event":"send","src":"n1","dest":"c1","body":{"type":"broadcast_ok","in_reply_to":1}}
{"time":7,"id":2,"event":"recv","src":"n1","dest":"c1","body":{"type":"broadcast_ok","in_reply_to":1}}
{"time":8,"id":2,"event":"recv","src":"n1","dest":"c1","body":{"type":"broadcast_ok","in_reply_to":1}}
{"time":9,"id":3,"event":"send","src":"n1","dest":"n2","body":"odd"}
"#;

    #[test]
    fn sends_and_receipts_become_messages() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(Journal::FILE), LINES).unwrap();
        let journal = Journal::read(directory.path(), 0).unwrap();
        assert_eq!((journal.sent, journal.bad_lines, journal.lines()), (4, 1, 9));
        assert_eq!(journal.endpoints, ["c1", "n1", "n2"]);
        assert_eq!(journal.traffic[1], Traffic { sent: 3, received: 1, lost: 0 });
        assert_eq!(journal.traffic[2].lost, 1);

        let messages = journal.messages(0..9, 100).unwrap();
        let seen: Vec<_> = messages
            .iter()
            .map(|m| (m.sent, m.received, m.lost.as_deref(), m.kind.as_str(), m.body.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (1, Some(2), None, "broadcast", r#"{"message":5}"#),
                (3, None, Some("partition"), "gossip", r#"{"messages":[5]}"#),
                (5, Some(7), None, "broadcast_ok", ""),
                (5, Some(8), None, "broadcast_ok", ""),
                (9, None, None, "?", "\"odd\""),
            ]
        );
        assert_eq!((messages[0].msg_id, messages[2].in_reply_to), (Some(1), Some(1)));
        // Also of a journal that is kept whole, a part is no more than that.
        let first = journal.messages(0..4, 100).unwrap();
        assert_eq!(first.iter().map(|message| message.sent).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(first[1].lost, None);
    }

    /// It looks whole until its brackets are counted.
    #[test]
    fn a_line_that_was_cut_off_says_nothing_later_either() {
        let directory = tempfile::tempdir().unwrap();
        let cut = r#"{"time":10,"id":3,"event":"recv","src":"n1","dest":"n2","body":{"a":{}}"#;
        let text = [LINES, cut].concat();
        std::fs::write(directory.path().join(Journal::FILE), text).unwrap();
        let journal = Journal::read(directory.path(), 0).unwrap();
        assert_eq!((journal.bad_lines, journal.lines()), (2, 10));
        let last = journal.messages(0..10, 100).unwrap().into_owned().pop().unwrap();
        assert_eq!((last.sent, last.received), (9, None));
    }

    /// Cut up as ours are they would say something else.
    #[test]
    fn lines_that_are_not_written_as_ours_are_read_as_the_json_that_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let odd = r#"{"time":10,"id":4,"event":"send","src":"n1","dest":"n2","body":{"type":"x"},"more":1}
{"time":11, "id":4, "event":"recv", "src":"n1", "dest":"n2", "body":{"type":"x"}}
{"time":12,"id":5,"event":"recv","src":"n1","dest":"n2","body":{"type":"y"}}
"#;
        std::fs::write(directory.path().join(Journal::FILE), [LINES, odd].concat()).unwrap();
        let journal = Journal::read(directory.path(), 1).unwrap();
        assert_eq!((journal.bad_lines, journal.sent), (1, 5));
        let last = journal.messages(0..20, 100).unwrap().into_owned().pop().unwrap();
        assert_eq!((&*last.kind, &*last.body, last.sent, last.received), ("x", "", 9, Some(10)));
    }

    /// Messages that are lost, doubled, of all forms; lines that are cut off, or tell of a receipt of
    /// something else than was sent.
    #[test]
    fn what_is_kept_is_what_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(Journal::FILE);
        let mut random = simulator::Random::new(3, "journal");
        let bodies = [
            r#"{"type":"x","value":"äöü and more than is shown","msg_id":7}"#,
            r#"{"type":"x","value":[1,{"a":"}"}],"in_reply_to":8,"b":2}"#,
            r#"{"type": "x \u0007", "msg_id": 9}"#,
            r#""odd""#,
        ];
        for count in 0..40 {
            let mut text = String::new();
            for time in 0..count {
                let id = random.index(8);
                let body = bodies[if random.chance(0.8) { id % 4 } else { random.index(4) }];
                let event = ["\"send\"", "\"recv\"", "\"recv\"", "\"lost\",\"reason\":\"loss\""];
                let event = event[random.index(4)];
                let between = format!("\"src\":\"n{}\",\"dest\":\"n{}\"", id % 3, id % 2);
                let line = format!(
                    "{{\"time\":{time},\"id\":{id},\"event\":{event},{between},\"body\":{body}}}"
                );
                let is_cut = random.chance(0.1);
                text.push_str(&line[..line.len() - if is_cut { 7 } else { 0 }]);
                text.push_str(if random.chance(0.1) { " \n" } else { "\n" });
            }
            std::fs::write(&path, text).unwrap();
            let mut journal = Journal::read(directory.path(), 2).unwrap();
            let all = 0..journal.lines();
            let shown = shown_length(journal.lines());
            let kept = journal.messages(all.clone(), shown).unwrap().into_owned();
            assert_eq!(Some(&kept), journal.kept.as_ref());
            journal.kept = None;
            assert_eq!(kept, *journal.messages(all, shown).unwrap());
            let sent: usize = journal.traffic.iter().map(|traffic| traffic.sent).sum();
            assert_eq!(sent, journal.sent);
            let lines = std::fs::read_to_string(&path).unwrap();
            let valid = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let events: Vec<_> =
                valid.map(|line| line["event"].as_str().unwrap().to_owned()).collect();
            let of = |name: &str| events.iter().filter(|event| *event == name).count();
            assert_eq!((journal.sent, journal.bad_lines), (of("send"), count - events.len()));
            let received: usize = journal.traffic.iter().map(|traffic| traffic.received).sum();
            let lost: usize = journal.traffic.iter().map(|traffic| traffic.lost).sum();
            assert_eq!((received, lost), (of("recv"), of("lost")));
        }
    }

    #[test]
    fn a_window_of_a_long_journal_is_read_from_its_index() {
        let directory = tempfile::tempdir().unwrap();
        let lines: String = (0..5000)
            .map(|n| {
                format!(
                    "{{\"time\":{},\"id\":{n},\"event\":\"send\",\"src\":\"n1\",\"dest\":\"n2\",\"body\":{{\"type\":\"t\",\"n\":{n}}}}}\n",
                    n * 10
                )
            })
            .collect();
        std::fs::write(directory.path().join(Journal::FILE), lines).unwrap();
        let journal = Journal::read(directory.path(), 0).unwrap();
        assert_eq!(journal.line_at(30_000), 2000);
        assert_eq!(journal.line_at(30_010), 3000);
        let times = |journal: &Journal| -> Vec<u64> {
            let ranges = [1500..1503, 4999..6000].into_iter();
            let messages =
                ranges.flat_map(|range| journal.messages(range, 100).unwrap().into_owned());
            messages.map(|message| message.sent).collect()
        };
        assert_eq!(times(&journal), [15_000, 15_010, 15_020, 49_990]);
        let later = Journal::read(directory.path(), 15_010).unwrap();
        assert_eq!(times(&later), [0, 0, 10, 34_980]);
    }
}
