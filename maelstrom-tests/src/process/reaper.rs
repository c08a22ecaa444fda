//! The reaper: a child of the bench that outlives it for a moment and kills what it left behind.
//!
//! A bench that is killed with SIGKILL can clean up nothing itself. So it tells this process, over a
//! pipe, the tag of its run (`=tag`, see [`super::descendants`]) and every process group that it
//! starts (`+123`) and has seen end (`-123`). When the pipe ends, because the bench has ended in
//! whatever way, the groups that are left are killed, every process with the tag, and what descends
//! from them. Besides, where the bench adopts orphans, the reaper looks now and then who descends from
//! it: those are nobody's when it is gone.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::descendants::Remembered;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getppid, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// The first argument with which `eddy` is a reaper.
pub const REAP_ARGUMENT: &str = "reap";
/// How long the reaper waits between two looks at the descendants of the bench, at least; longer
/// where a look takes long, so that it never has more than a twentieth of a core.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
const LOOKS_PART: u32 = 20;

/// The bench's end of the pipe.
pub(super) struct Reaper {
    child: Child,
    /// Open until the reaper is dropped.
    pipe: Option<ChildStdin>,
}

impl Reaper {
    /// Starts `eddy` as a reaper, in a process group of its own that Ctrl-C does not reach. All that
    /// descends from this process is killed in the end if it `adopts`.
    pub(super) fn start(eddy: &Path, tag: &str, adopts: bool) -> io::Result<Self> {
        let bench = adopts.then(|| std::process::id().to_string());
        let mut child = Command::new(eddy)
            .arg(REAP_ARGUMENT)
            .args(bench)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = child.stdin.take();
        let mut reaper = Self { child, pipe };
        reaper.tell(format!("={tag}\n"));
        Ok(reaper)
    }

    /// The number of the reaper's process.
    pub(super) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// From now on this group is killed when the bench ends.
    pub(super) fn watch(&mut self, group: Pid) {
        self.tell(format!("+{}\n", group.as_raw_pid()));
    }

    /// This group is gone, and its number may soon be somebody else's.
    pub(super) fn forget(&mut self, group: Pid) {
        self.tell(format!("-{}\n", group.as_raw_pid()));
    }

    fn tell(&mut self, line: String) {
        if let Some(pipe) = &mut self.pipe {
            // A reaper that somebody has killed is no reason to end a run.
            let _ = pipe.write_all(line.as_bytes());
        }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.pipe = None;
        let _ = self.child.wait();
    }
}

/// What the bench has told its reaper.
#[derive(Debug, Default)]
struct Told {
    groups: BTreeSet<i32>,
    tag: String,
    /// The beginning of a line of which the rest has not come yet.
    rest: Vec<u8>,
}

impl Told {
    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let rest = std::mem::take(&mut self.rest);
        let mut lines = rest.split(|byte| *byte == b'\n');
        self.rest = lines.next_back().unwrap_or_default().to_vec();
        lines.filter_map(|line| str::from_utf8(line).ok()).for_each(|line| self.note(line));
    }

    fn note(&mut self, line: &str) {
        if let Some(tag) = line.strip_prefix('=') {
            tag.clone_into(&mut self.tag);
            return;
        }
        match (line.get(..1), line.get(1..).and_then(|number| number.parse::<i32>().ok())) {
            (Some("+"), Some(group)) => self.groups.insert(group),
            (Some("-"), Some(group)) => self.groups.remove(&group),
            _ => false,
        };
    }

    fn kill_what_is_left(&self, remembered: &Remembered) {
        for group in self.groups.iter().filter_map(|group| Pid::from_raw(*group)) {
            let _ = kill_process_group(group, Signal::STOP);
        }
        remembered.kill(&self.tag, |number| self.groups.contains(&number));
        for group in self.groups.iter().filter_map(|group| Pid::from_raw(*group)) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What `eddy reap [BENCH]` does: reads lines to the end of input, then kills what it was told of and
/// what descends from the process of this number, if there is one, whose child it is.
pub fn reap(bench: Option<&str>, input: impl AsFd) -> ExitCode {
    // Whoever ends the bench by name means the nodes as well; they are killed in a moment.
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        let _ = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
    }
    let bench = bench.and_then(|number| Pid::from_raw(number.parse().ok()?));
    let (mut told, mut remembered) = (Told::default(), Remembered::default());
    let mut buffer = [0; 4096];
    loop {
        let took = look(&mut remembered, bench);
        let mut pause = LOOK_INTERVAL.max(took * LOOKS_PART);
        while !pause.is_zero() {
            let before = now();
            let timeout = Timespec::try_from(pause).ok();
            let mut fds = [PollFd::new(&input, PollFlags::IN)];
            if matches!(poll(&mut fds, timeout.as_ref()), Ok(1..)) {
                match rustix::io::read(&input, &mut buffer) {
                    Ok(0) => {
                        told.kill_what_is_left(&remembered);
                        return ExitCode::SUCCESS;
                    }
                    Ok(count) => told.take(&buffer[..count]),
                    Err(Errno::INTR) => {}
                    Err(_) => return ExitCode::FAILURE,
                }
            }
            pause = pause.saturating_sub(now() - before);
        }
    }
}

/// Looks who descends from the bench, and says how long that took.
fn look(remembered: &mut Remembered, bench: Option<Pid>) -> Duration {
    let before = now();
    // As long as it is our parent, it lives, and its number is nobody else's.
    let lives = || bench.is_some() && getppid() == bench;
    if let Some(bench) = bench.filter(|_| lives()) {
        let seen = Remembered::look(bench);
        if lives() {
            *remembered = seen;
        }
    }
    now() - before
}

#[expect(clippy::disallowed_methods, reason = "how long a look takes says when the next one is")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").process_group(0).spawn().unwrap()
    }

    #[test]
    fn lines_count_once_they_are_whole() {
        let mut told = Told::default();
        for piece in ["=a/", "\n+1", "2\n+13\n\n-1", "2\nx\n+14"] {
            told.take(piece.as_bytes());
        }
        assert_eq!((&*told.tag, told.groups), ("a/", [13].into()));
    }

    #[test]
    fn what_was_watched_and_not_forgotten_is_killed_at_the_end_of_input() {
        let (mut left, mut forgotten) = (sleeper(), sleeper());
        let lines = format!("+{}\n+{}\nnonsense\n-{1}\n", left.id(), forgotten.id());
        let (input, mut output) = std::io::pipe().unwrap();
        output.write_all(lines.as_bytes()).unwrap();
        drop(output);
        assert_eq!(reap(None, input), ExitCode::SUCCESS);
        assert_eq!(left.wait().unwrap().signal(), Some(9));
        assert!(forgotten.try_wait().unwrap().is_none());
        forgotten.kill().unwrap();
        forgotten.wait().unwrap();
    }
}
