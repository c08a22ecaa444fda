//! The last lines of a stream, remembered for the moment when something goes wrong.

use std::collections::VecDeque;

use crate::wire::quote;

/// How many lines are last words.
const LAST_WORDS_MAX: usize = 5;
/// After so many lines that belong to no trace an error is a thing of the past.
const ERROR_LINES_MAX: usize = 32;
/// What a JVM says of the flags that it got from us: nothing of the program's.
const OF_THE_JVM: &[u8] = b"Picked up JAVA_TOOL_OPTIONS: ";

/// The last lines of something.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// The last ones that say something.
    lines: VecDeque<String>,
    /// The last line that says what went wrong, and what belongs to it.
    error: Option<Error>,
}

/// A line that says what went wrong.
#[derive(Debug)]
struct Error {
    /// What came before, of which Python's trace is.
    before: VecDeque<String>,
    line: String,
    /// What came after, of which the traces of others are.
    after: Vec<String>,
    /// How many lines came after that do not look like a trace.
    others: usize,
}

impl Tail {
    pub(crate) fn push(&mut self, line: &[u8]) {
        let words = line.trim_ascii();
        if words.is_empty() || line.starts_with(OF_THE_JVM) {
            return;
        }
        let text = quote(words);
        let is_inside = line.starts_with(b" ") || line.starts_with(b"\t");
        if !is_inside && names_error(&text, words) {
            let (before, line, after) = (self.lines.clone(), text.clone(), Vec::new());
            self.error = Some(Error { before, line, after, others: 0 });
        } else if let Some(error) = &mut self.error {
            // Go says it before the stacks of all goroutines, and those are many.
            error.others += usize::from(!is_inside && !is_of_trace(&text));
            if error.after.len() < LAST_WORDS_MAX - 1 {
                error.after.push(text.clone());
            }
        }
        self.error.take_if(|error| error.others > ERROR_LINES_MAX);
        if self.lines.len() == LAST_WORDS_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(text);
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The very last lines in one, for a problem; the log has the others.
    pub(crate) fn last_words(&self, stream: &str) -> String {
        // What went wrong comes first: Python says it last, others before all else.
        let words: Vec<&str> = match &self.error {
            Some(Error { before, line, after, .. }) => {
                let rest = LAST_WORDS_MAX - 1 - after.len();
                let before = before.iter().skip(before.len().saturating_sub(rest));
                [line].into_iter().chain(after).chain(before).map(|line| &**line).collect()
            }
            None => self.lines.iter().map(|line| &**line).collect(),
        };
        match &words[..] {
            [] => format!("it said nothing on {stream}"),
            words => format!("its last words on {stream}: {}", words.join(" | ")),
        }
    }

    /// What a program that lives has said last of something that went wrong, if it did.
    pub(crate) fn complaint(&self) -> Option<&str> {
        self.error.as_ref().map(|error| &*error.line)
    }
}

/// Whether a line of a trace is the one that says what went wrong. `text` is the beginning of `line`.
fn names_error(text: &str, line: &[u8]) -> bool {
    let is_name = |word: &str| {
        let last = word.rsplit(['.', ':']).next().unwrap_or(word);
        ["Error", "Exception"].iter().any(|end| last.ends_with(end))
    };
    let starts = [
        "panic:",
        "fatal error:",
        "thread '",
        "Exception in thread",
        "Error:",
        "[UnhandledPromiseRejection",
    ];
    text.split_once(": ").is_some_and(|(name, _)| is_name(name.trim()))
        || starts.iter().any(|start| text.starts_with(start))
        || is_of_ruby(text, line)
}

/// Ruby: `node.rb:5:in 'foo': what (NameError)`, where the name may come some lines later.
fn is_of_ruby(text: &str, line: &[u8]) -> bool {
    let Some((place, what)) = [":in `", ":in '"].iter().find_map(|inside| text.split_once(inside))
    else {
        return false;
    };
    let has_line_number = place.rsplit(':').next().is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    has_line_number && !text.starts_with("from ") && (what.contains("': ") || line.ends_with(b")"))
}

/// Whether a line that is not indented looks like one of a trace.
fn is_of_trace(text: &str) -> bool {
    let starts = ["goroutine ", "created by ", "runtime", "Caused by: ", "from "];
    text.ends_with(')') || starts.iter().any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(lines: &[&str]) -> String {
        let mut tail = Tail::default();
        lines.iter().for_each(|line| tail.push(line.as_bytes()));
        let words = tail.last_words("stderr");
        words.strip_prefix("its last words on stderr: ").expect("last words").to_owned()
    }

    #[test]
    fn what_went_wrong_is_among_the_last_words_wherever_it_stands() {
        for error in [
            "TypeError: Cannot read properties of undefined",
            "panic: runtime error: index out of range [5] with length 3",
            "java.lang.NullPointerException: no such key",
            "thread 'main' (7) panicked at src/main.rs:3:5:",
            "node.rb:26:in `serve': undefined method `foo' for nil:NilClass (NoMethodError)",
            "/usr/lib/ruby/3.4.0/json/common.rb:312:in 'generate': source sequence is malformed \
             utf-8 (JSON::GeneratorError)",
            "[UnhandledPromiseRejection: This error originated either by throwing",
        ] {
            let lines = ["starting", error].into_iter().chain(["    at f (node:internal)"; 900]);
            let words = words(&lines.collect::<Vec<_>>());
            assert!(words.starts_with(&format!("{error} | at f (node:internal)")), "{words}");
        }
        let python = ["Traceback (most recent call last):", "  File \"n.py\", line 3"];
        let all = words(&["1", "2", "3", python[0], python[1], "KeyError: 'a'"]);
        assert_eq!(all, format!("KeyError: 'a' | 2 | 3 | {} | {}", python[0], python[1].trim()));
        let calm = ["1", "a note: all is well", "3", "4", "5", "6", "7"];
        assert_eq!(words(&calm), "3 | 4 | 5 | 6 | 7");
        let many = [&["ValueError: of long ago"][..], &["{}"; 40], &["7"]].concat();
        assert_eq!(words(&many), "{} | {} | {} | {} | 7");
    }

    #[test]
    fn the_lines_after_an_error_say_where_and_those_of_the_runtime_do_not_crowd_them_out() {
        let node = [
            "/home/a/node.js:5",
            "  throw new Error('boom');",
            "        ^",
            "",
            "Error: boom",
            "    at echo (/home/a/node.js:5:9)",
            "    at handle (/home/a/node.js:9:3)",
            "    at Interface.<anonymous> (/home/a/node.js:12:5)",
            "    at Socket.emit (node:events:524:28)",
            "    at addChunk (node:internal/streams/readable:561:12)",
            "",
            "Node.js v20.20.2",
        ];
        let all = words(&node);
        assert!(
            all.starts_with("Error: boom | at echo (/home/a/node.js:5:9) | at handle"),
            "{all}"
        );
        let stack = ["main.rec(0x1fffffd)", "\t/home/a/main.go:300 +0x1d"].repeat(100);
        let go = [&["runtime: goroutine stack exceeds", "fatal error: stack overflow"], &stack[..]];
        assert!(words(&go.concat()).starts_with("fatal error: stack overflow | main.rec("));
        let jvm = "Picked up JAVA_TOOL_OPTIONS: -XX:-UsePerfData";
        let mut tail = Tail::default();
        tail.push(jvm.as_bytes());
        assert_eq!(tail.last_words("stderr"), "it said nothing on stderr");
    }
}
