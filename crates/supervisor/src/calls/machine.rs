//! Files in which the kernel tells about the machine: how many processors, how much memory, how busy.
//!
//! What they say differs from machine to machine and from moment to moment, so a program that opens
//! one gets a text of ours instead: a small machine with one processor that has nothing else to do.

use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use rustix::fs::{MemfdFlags, memfd_create};

use super::clocks::SECOND;
use crate::memory;
use crate::node::Node;
use crate::stops::Outcome;
use crate::thread::AtExit;

/// No path of interest is longer.
const LONGEST: usize = 40;
/// Below the stack pointer programs keep up to 128 bytes; what lies deeper is free.
const BELOW_STACK: u64 = 1024;

impl Node {
    /// `open` and `openat`, whose path is this argument.
    pub(super) fn open(&mut self, id: u32, path_argument: usize) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (tid, entry, address) = (thread.tid, thread.regs, thread.argument(path_argument));
        let Some(path) = memory::text(tid, address, LONGEST) else { return Outcome::Run };
        let Some(text) = self.machine_file(&path) else { return Outcome::Run };
        let Ok(file) = file_with(&text) else { return Outcome::Run };
        let mut ours = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into_bytes();
        ours.push(0);
        let place = entry.rsp - BELOW_STACK;
        if memory::write(tid, place, &ours).is_err() {
            return Errno::EFAULT.into();
        }
        // Kept open until the call has opened it once more.
        self.lent = Some(file);
        let mut regs = entry;
        match path_argument {
            0 => regs.rdi = place,
            _ => regs.rsi = place,
        }
        Outcome::RunChanged(Box::new(regs), AtExit::Restore(entry))
    }

    /// What such a file says, if it is one.
    fn machine_file(&self, path: &[u8]) -> Option<Vec<u8>> {
        let seconds = self.monotonic() / SECOND;
        let text = match path {
            b"/sys/devices/system/cpu/online"
            | b"/sys/devices/system/cpu/possible"
            | b"/sys/devices/system/cpu/present" => "0\n".to_owned(),
            b"/proc/uptime" => format!("{seconds}.00 {seconds}.00\n"),
            b"/proc/loadavg" => "0.00 0.00 0.00 1/1 100\n".to_owned(),
            b"/proc/stat" => format!(
                "cpu  0 0 0 {0} 0 0 0 0 0 0\ncpu0 0 0 0 {0} 0 0 0 0 0 0\nbtime {1}\n",
                seconds * 100,
                (self.wall() / SECOND).saturating_sub(seconds)
            ),
            b"/proc/meminfo" => "MemTotal: 8388608 kB\nMemFree: 4194304 kB\n\
                 MemAvailable: 6291456 kB\nBuffers: 0 kB\nCached: 2097152 kB\n\
                 SwapCached: 0 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
                .to_owned(),
            b"/proc/cpuinfo" => first_processor(&std::fs::read_to_string("/proc/cpuinfo").ok()?),
            _ => return None,
        };
        Some(text.into_bytes())
    }
}

/// The lines about processor 0, whose frequency is always the same.
fn first_processor(all: &str) -> String {
    let lines = all.lines().take_while(|line| !line.is_empty()).map(|line| {
        if line.starts_with("cpu MHz") {
            "cpu MHz\t\t: 1000.000\n".to_owned()
        } else {
            format!("{line}\n")
        }
    });
    lines.chain(["\n".to_owned()]).collect()
}

fn file_with(text: &[u8]) -> Result<OwnedFd, rustix::io::Errno> {
    let file = memfd_create("machine", MemfdFlags::CLOEXEC)?;
    rustix::io::write(&file, text)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::first_processor;

    #[test]
    fn of_many_processors_the_first_is_told_without_what_changes() {
        let all = "processor\t: 0\ncpu MHz\t\t: 2593.1\n\nprocessor\t: 1\ncpu MHz\t\t: 800.0\n\n";
        assert_eq!(first_processor(all), "processor\t: 0\ncpu MHz\t\t: 1000.000\n\n");
    }
}
