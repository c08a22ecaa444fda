//! What threads wait for: times, and files.

use std::collections::BTreeSet;

use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Node, tolerate_death};
use crate::error::Error;
use crate::event::{Stream, What};
use crate::process::Role;
use crate::thread::{Cause, Expiry, Resume, State, Waited};

impl Node {
    /// Ends the waits whose time is up, and fires timers.
    pub(crate) fn expire(&mut self) -> Result<(), Error> {
        if self.soonest > self.local {
            return Ok(());
        }
        self.fire_timers()?;
        for index in 0..self.threads.len() {
            let thread = &mut self.threads[index];
            let due = thread.deadline().is_some_and(|deadline| deadline <= self.local);
            if !due {
                continue;
            }
            let State::Waiting(wait) = &thread.state else { continue };
            let done = match wait.expiry {
                Expiry::Answer(value) => thread.answer(value),
                Expiry::Poll { address, count } => {
                    clear_poll(thread.tid, address, count);
                    thread.answer(0)
                }
                Expiry::Select { sets, bytes } => {
                    let zeros = vec![0; bytes];
                    for set in sets.into_iter().filter(|&set| set != 0) {
                        let _ = crate::memory::write(thread.tid, set, &zeros);
                    }
                    thread.answer(0)
                }
                Expiry::Continue => {
                    thread.state = State::Ready(Resume::Continue);
                    Ok(())
                }
            };
            tolerate_death(done)?;
            self.ready.push(self.threads[index].id);
        }
        self.soonest = self.due().unwrap_or(u64::MAX);
        Ok(())
    }

    /// Makes threads ready whose files are, and collects what was written behind our back. Answers
    /// whether a thread became ready.
    pub(crate) fn ask_files(&mut self) -> Result<bool, Error> {
        if !self.stale {
            return Ok(false);
        }
        self.stale = false;
        let mut files = vec![
            PollFd::new(&self.output.reader, PollFlags::IN),
            PollFd::new(&self.error.reader, PollFlags::IN),
        ];
        let mut owners = Vec::new();
        let mut woken = Vec::new();
        let mut has_input = None;
        for thread in &self.threads {
            if let State::Waiting(wait) = &thread.state
                && let Cause::Files(waited) = &wait.cause
            {
                for waited in waited {
                    match waited {
                        Waited::File(file, events) => {
                            files.push(PollFd::new(file, *events));
                            owners.push(thread.id);
                        }
                        Waited::Input => {
                            if *has_input.get_or_insert_with(|| self.input.has_something()) {
                                woken.push(thread.id);
                            }
                        }
                    }
                }
            }
        }
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let found = poll(&mut files, Some(&none)).map_err(Error::system("ask files"))?;
        if found == 0 && woken.is_empty() {
            return Ok(false);
        }
        let stray = [Role::Output, Role::Error].into_iter().zip(&files);
        let stray: Vec<Role> = stray
            .filter(|(_, file)| file.revents().contains(PollFlags::IN))
            .map(|(role, _)| role)
            .collect();
        let ready = owners.into_iter().zip(&files[2..]);
        woken.extend(ready.filter(|(_, file)| !file.revents().is_empty()).map(|(owner, _)| owner));
        woken.sort_unstable();
        woken.dedup();
        for role in stray {
            self.collect_stray(role);
        }
        for &id in &woken {
            if let Some(thread) = self.thread(id) {
                thread.state = State::Ready(Resume::Continue);
            }
            self.ready.push(id);
        }
        Ok(!woken.is_empty())
    }

    /// Says so if no process has the input or the output open any more.
    pub(super) fn look_for_pipes(&mut self) {
        let mut open = BTreeSet::new();
        for process in &self.processes {
            let directory = format!("/proc/{}/fd", process.pid);
            for file in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                if let Ok(stat) = rustix::fs::stat(file.path()) {
                    open.insert((stat.st_dev, stat.st_ino));
                }
            }
        }
        let pipes = [(Stream::Input, self.input.identity), (Stream::Output, self.output.identity)];
        for (stream, identity) in pipes {
            if !open.contains(&identity) && !self.closed.contains(&stream) {
                self.closed.push(stream);
                self.say(What::Closed(stream));
            }
        }
    }
}

fn clear_poll(tid: Pid, address: u64, count: usize) {
    // struct pollfd: descriptor (4), events (2), results (2).
    let mut array = vec![0; count * 8];
    if crate::memory::read(tid, address, &mut array).is_ok() {
        for entry in array.chunks_mut(8) {
            entry[6..].fill(0);
        }
        let _ = crate::memory::write(tid, address, &array);
    }
}
