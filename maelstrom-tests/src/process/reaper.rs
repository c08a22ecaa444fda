//! The reaper: a child of the bench that outlives it for a moment and kills what it left behind.
//!
//! A bench that is killed with SIGKILL can clean up nothing itself. So it tells this process, over a
//! pipe, the tag of its run (`=tag`, see [`super::descendants`]) and every process group that it
//! starts (`+123`) and has seen end (`-123`). When the pipe ends, because the bench has ended in
//! whatever way, the groups that are left are killed, and every process with the tag.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::descendants;
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// The first argument with which `eddy` is a reaper.
pub const REAP_ARGUMENT: &str = "reap";

/// The bench's end of the pipe.
pub(super) struct Reaper {
    child: Child,
    /// Open until the reaper is dropped.
    pipe: Option<ChildStdin>,
}

impl Reaper {
    /// Starts `eddy` as a reaper, in a process group of its own that Ctrl-C does not reach.
    pub(super) fn start(eddy: &Path, tag: &str) -> io::Result<Self> {
        let mut child = Command::new(eddy)
            .arg(REAP_ARGUMENT)
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

/// What `eddy reap` does: reads lines to the end of input, then kills the groups that are left.
pub fn reap(input: impl BufRead) -> ExitCode {
    // Whoever ends the bench by name means the nodes as well; they are killed in a moment.
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        let _ = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
    }
    let mut groups = BTreeSet::new();
    let mut tag = None;
    for line in input.lines().map_while(Result::ok) {
        if let Some(told) = line.strip_prefix('=').filter(|told| !told.is_empty()) {
            tag = Some(told.to_owned());
            continue;
        }
        match (line.get(..1), line.get(1..).and_then(|number| number.parse::<i32>().ok())) {
            (Some("+"), Some(group)) => groups.insert(group),
            (Some("-"), Some(group)) => groups.remove(&group),
            _ => false,
        };
    }
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    if let Some(tag) = tag {
        descendants::kill_tagged(&tag);
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").process_group(0).spawn().unwrap()
    }

    #[test]
    fn what_was_watched_and_not_forgotten_is_killed_at_the_end_of_input() {
        let (mut left, mut forgotten) = (sleeper(), sleeper());
        let lines = format!("+{}\n+{}\nnonsense\n-{1}\n", left.id(), forgotten.id());
        assert_eq!(reap(lines.as_bytes()), ExitCode::SUCCESS);
        assert_eq!(left.wait().unwrap().signal(), Some(9));
        assert!(forgotten.try_wait().unwrap().is_none());
        forgotten.kill().unwrap();
        forgotten.wait().unwrap();
    }
}
