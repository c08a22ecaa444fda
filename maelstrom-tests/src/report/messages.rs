//! `messages.jsonl`, the journal of the network: counted whole, and read where a report shows it.
//!
//! The file may have gigabytes. One pass counts and notes where every thousandth line begins; what
//! is shown is then read from there.

mod line;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use line::{Content, Line};
use rustc_hash::FxHashMap;

use super::text;
use crate::lines::Lines;

/// How many lines one entry of the index stands for.
const INDEX_STEP: usize = 1000;

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
#[derive(Default, Debug)]
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

impl Journal {
    /// The name of the file in a run's directory.
    pub const FILE: &str = "messages.jsonl";

    /// Counts the messages of a run; an empty journal if there is no file. Its times begin when the
    /// nodes were started; `time_zero` is when the history began, in those.
    pub fn read(run_dir: &Path, time_zero: u64) -> io::Result<Self> {
        let path = run_dir.join(Self::FILE);
        let mut journal = Self { path: path.clone(), time_zero, ..Self::default() };
        let Some(mut lines) = Lines::open(&path)? else { return Ok(journal) };
        let mut places = FxHashMap::default();
        let mut time = 0;
        while let Some((offset, line)) = lines.next()? {
            let line = match Line::whole(line, time_zero) {
                Some(line) => Ok(line),
                None => {
                    journal.odd.push(journal.lines);
                    Line::of_json(line, time_zero)
                }
            };
            time = line.as_ref().map_or(time, |line| line.time);
            if journal.lines.is_multiple_of(INDEX_STEP) {
                journal.index.push((time, offset));
            }
            match line {
                Ok(line) => journal.count(&line, &mut places),
                Err(_) => journal.bad_lines += 1,
            }
            journal.lines += 1;
        }
        journal.bad_lines += lines.skipped;
        Ok(journal)
    }

    fn count(&mut self, line: &Line<'_>, places: &mut FxHashMap<String, usize>) {
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
    ) -> io::Result<Vec<Message>> {
        let mut messages = Messages {
            places: self.endpoints.iter().map(String::as_str).zip(0..).collect(),
            sent: FxHashMap::default(),
            messages: Vec::new(),
            body_length_max,
        };
        let Some(mut lines) = Lines::open(&self.path)? else { return Ok(Vec::new()) };
        let Some(&(_, offset)) = self.index.get(range.start / INDEX_STEP) else {
            return Ok(Vec::new());
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
                messages.read(line, is_odd, self.time_zero);
            }
            number += 1;
        }
        let mut messages = messages.messages;
        messages.sort_by_key(|message| message.sent);
        Ok(messages)
    }
}

/// Puts sends and receipts together.
struct Messages<'a> {
    places: FxHashMap<&'a str, usize>,
    /// By message id, the last message of this id.
    sent: FxHashMap<u64, usize>,
    messages: Vec<Message>,
    body_length_max: usize,
}

impl Messages<'_> {
    fn read(&mut self, line: &[u8], is_odd: bool, time_zero: u64) {
        if is_odd {
            if let Ok(line) = Line::of_json(line, time_zero) {
                self.push(&line);
            }
        // Half of the lines say no more than this.
        } else if let Some((time, id)) = Line::receipt(line, time_zero)
            && let Some(&place) = self.sent.get(&id)
            && self.messages[place].received.is_none()
        {
            self.messages[place].received = Some(time);
        } else if let Some(line) = Line::cut_up(line, time_zero) {
            self.push(&line);
        }
    }

    fn push(&mut self, line: &Line<'_>) {
        let known = self.sent.get(&line.id).copied();
        match (&*line.event, known) {
            ("recv", Some(place)) if self.messages[place].received.is_none() => {
                self.messages[place].received = Some(line.time);
            }
            // A duplicate: a second arrow from the same place.
            ("recv", Some(place)) => {
                let again = Message { received: Some(line.time), ..self.messages[place].clone() };
                self.messages.push(again);
            }
            ("lost", Some(place)) => {
                let reason = line.reason.as_deref().unwrap_or("lost");
                self.messages[place].lost = Some(text::line(reason, 80));
            }
            ("recv" | "lost", None) => {}
            _ => {
                let (Some(&src), Some(&dest)) =
                    (self.places.get(&*line.src), self.places.get(&*line.dest))
                else {
                    return;
                };
                self.sent.insert(line.id, self.messages.len());
                let message = Message { src, dest, sent: line.time, ..self.content(line) };
                self.messages.push(message);
            }
        }
    }

    fn content(&self, line: &Line<'_>) -> Message {
        let Content { kind, msg_id, in_reply_to, rest } = line.content();
        let kind = kind.unwrap_or_else(|| "?".to_owned());
        Message {
            sent: 0,
            received: None,
            lost: None,
            src: 0,
            dest: 0,
            kind: text::own_line(kind, 60),
            msg_id,
            in_reply_to,
            body: text::own_line(rest, self.body_length_max),
        }
    }
}

#[cfg(test)]
mod tests {
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
        let last = journal.messages(0..10, 100).unwrap().pop().unwrap();
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
        let last = journal.messages(0..20, 100).unwrap().pop().unwrap();
        assert_eq!((&*last.kind, &*last.body, last.sent, last.received), ("x", "", 9, Some(10)));
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
            let messages = ranges.flat_map(|range| journal.messages(range, 100).unwrap());
            messages.map(|message| message.sent).collect()
        };
        assert_eq!(times(&journal), [15_000, 15_010, 15_020, 49_990]);
        let later = Journal::read(directory.path(), 15_010).unwrap();
        assert_eq!(times(&later), [0, 0, 10, 34_980]);
    }
}
