//! What a node has started and its process group does not hold: children that called `setsid`, their
//! children, daemons. Three marks lead to them:
//!
//! - They are children of children of the node, as long as those in between live.
//! - They have its environment, unless they cleared it: each node gets a variable that names its run
//!   and its life.
//! - They were orphaned and have come to the bench ([`adopt`]), which has no other children than
//!   nodes. Whose they are cannot be told any more, so these live until the run ends.
//!
//! All of this is read from `/proc`; where there is none, only the process group is killed. Orphans come to
//! the bench on Linux alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::event::{Timespec, poll};
use rustix::process::{Pid, Signal, getpid, kill_process};

/// The variable.
pub(crate) const VARIABLE: &str = "EDDY_NODE";
/// How often it is looked again for what was started while others were stopped.
const ROUNDS_MAX: usize = 20;
/// How often it is looked again for what was killed and is not dead yet, which takes its time on a busy
/// machine.
const DYING_ROUNDS_MAX: usize = 1000;
/// How long it is waited between two looks for what is not dead yet.
const DYING_STEP: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };

/// A name that no other run on this machine has at the moment.
pub(crate) fn run_tag() -> String {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}/", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed))
}

/// From now on every process that was started by this one, directly or through others, becomes its
/// child when it loses its parent.
///
/// # Errors
/// If the operating system does not know that.
#[cfg(target_os = "linux")]
pub(super) fn adopt() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(getpid()))?)
}

/// Elsewhere they become somebody else's.
#[cfg(not(target_os = "linux"))]
pub(super) fn adopt() -> io::Result<()> {
    Ok(())
}

/// Takes note of the end of adopted children, so that they do not stay as zombies. `is_known` are
/// children of whose end others want to hear; those that have ended must be heard of already.
#[cfg(target_os = "linux")]
pub(super) fn bury_adopted(is_known: impl Fn(Pid) -> bool) {
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};

    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    let bury = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
    while let Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) = waitid(Id::All, look)
    {
        if Pid::from_raw(pid.as_raw()).is_none_or(&is_known) || waitid(Id::Pid(pid), bury).is_err()
        {
            return;
        }
    }
}

/// Elsewhere none are adopted.
#[cfg(not(target_os = "linux"))]
pub(super) fn bury_adopted(_: impl Fn(Pid) -> bool) {}

/// A living process.
#[derive(Clone, Debug)]
struct Process {
    parent: i32,
    /// When it was started, in ticks since the machine was: tells it from a later one of its number.
    born: u64,
    is_tagged: bool,
}

/// Living processes by their numbers.
#[derive(Clone, Debug)]
struct Processes(BTreeMap<i32, Process>);

impl Processes {
    /// Those of now; tagged are those whose variable begins with `tag`. An empty one is nobody's.
    fn now(tag: &str) -> Self {
        let entry = format!("{VARIABLE}={tag}");
        let Ok(directories) = fs::read_dir("/proc") else { return Self(BTreeMap::new()) };
        let processes = directories.flatten().filter_map(|directory| {
            let number = directory.file_name().to_str()?.parse().ok()?;
            let path = directory.path();
            let (parent, born) = parse_stat(&fs::read_to_string(path.join("stat")).ok()?)?;
            let is_tagged = !tag.is_empty() && has_entry(&path, entry.as_bytes());
            Some((number, Process { parent, born, is_tagged }))
        });
        Self(processes.collect())
    }

    /// The numbers of those that are a root, or have the tag, or descend from such a one.
    fn family(&self, is_root: impl Fn(i32, &Process) -> bool) -> BTreeSet<i32> {
        let own = getpid().as_raw_pid();
        let mut family = BTreeSet::new();
        loop {
            let before = family.len();
            for (number, process) in &self.0 {
                let belongs = is_root(*number, process)
                    || process.is_tagged
                    || family.contains(&process.parent);
                if belongs && *number != own {
                    family.insert(*number);
                }
            }
            if family.len() == before {
                return family;
            }
        }
    }
}

/// Parent and start of a process from its `stat`; nothing of one that has ended. Its name, which
/// may be anything, stands in parentheses.
fn parse_stat(stat: &str) -> Option<(i32, u64)> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let [state, parent, ..] = fields[..] else { return None };
    let born = fields.get(19)?;
    (!matches!(state, "Z" | "X")).then_some((parent.parse().ok()?, born.parse().ok()?))
}

/// Whether the environment of a process has an entry that begins so.
fn has_entry(process: &Path, entry: &[u8]) -> bool {
    let environment = fs::read(process.join("environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|other| other.starts_with(entry))
}

/// Kills every process that `is_root` accepts by its number and its parent's, every one with this
/// tag, and all that descend from them.
pub(crate) fn kill(tag: &str, is_root: impl Fn(i32, i32) -> bool) {
    kill_family(tag, |number, process| is_root(number, process.parent));
}

fn kill_family(tag: &str, is_root: impl Fn(i32, &Process) -> bool) {
    // First all are stopped, so that none starts another, and none loses the parent by which it is
    // known, while they are looked for.
    let mut family = BTreeSet::new();
    for _ in 0..ROUNDS_MAX {
        let found = Processes::now(tag).family(&is_root);
        let is_complete = found.is_subset(&family);
        signal(found.difference(&family), Signal::STOP);
        family.extend(found);
        if is_complete {
            break;
        }
    }
    signal(&family, Signal::KILL);
    for _ in 0..DYING_ROUNDS_MAX {
        family.retain(|number| is_alive(*number));
        if family.is_empty() {
            break;
        }
        let _ = poll(&mut [], Some(&DYING_STEP));
    }
}

fn is_alive(number: i32) -> bool {
    fs::read_to_string(format!("/proc/{number}/stat")).is_ok_and(|stat| parse_stat(&stat).is_some())
}

fn signal<'a>(processes: impl IntoIterator<Item = &'a i32>, signal: Signal) {
    for pid in processes.into_iter().filter_map(|number| Pid::from_raw(*number)) {
        let _ = kill_process(pid, signal);
    }
}

/// The descendants of a process as they were at the last look, for whoever outlives it: when it has
/// ended nobody can tell any more who they are.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// Numbers and starts.
    descendants: BTreeMap<i32, u64>,
}

impl Remembered {
    /// The descendants of `ancestor` as they are now.
    pub(super) fn look(ancestor: Pid) -> Self {
        let processes = Processes::now("");
        let ancestor = ancestor.as_raw_pid();
        let family = processes.family(|_, process| process.parent == ancestor);
        let born = |number: i32| Some((number, processes.0.get(&number)?.born));
        Self { descendants: family.into_iter().filter_map(born).collect() }
    }

    /// Kills those that still live, every process with this tag, those that `is_root` accepts by
    /// their number, and all that descend from them.
    pub(super) fn kill(&self, tag: &str, is_root: impl Fn(i32) -> bool) {
        kill_family(tag, |number, process| {
            is_root(number) || self.descendants.get(&number) == Some(&process.born)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_from_its_stat_whatever_its_name_is() {
        let rest = "1 5 5 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1000";
        assert_eq!(parse_stat(&format!("7 (a) Z) (b) S {rest}")), Some((1, 4711)));
        assert_eq!(parse_stat(&format!("7 (sh) Z {rest}")), None);
        assert_eq!(parse_stat("7 (sh) S 1"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn a_family_is_the_roots_the_tagged_and_their_descendants() {
        let process = |parent, is_tagged| Process { parent, born: 0, is_tagged };
        let numbers = [
            (10, process(1, false)),
            // A child of a child with a lower number than its parent's.
            (3, process(11, false)),
            (11, process(10, false)),
            (20, process(1, true)),
            (21, process(20, false)),
            (30, process(1, false)),
            (31, process(30, false)),
        ];
        let family = Processes(numbers.into()).family(|number, _| number == 10);
        assert_eq!(family, [3, 10, 11, 20, 21].into());
    }
}
