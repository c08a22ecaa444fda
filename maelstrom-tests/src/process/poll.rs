//! The loop of the world: one thread waits for all pipes at once, so a message on its way from node
//! to node passes no queue between threads, nothing has to be locked, and a node that floods gets
//! no more than its turn.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use proto::Time;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use supervisor::LINE_BYTES_MAX;

use super::ProcessWorld;
use super::descendants;
use super::lines::{Filled, LineBuffer, Piece};
use super::node::Stream;
use super::reaper::Reaper;
use super::signals::interrupted;
use super::stderr::LOG_MIB_MAX;
use crate::carrier::{CLOSED_GRACE, INIT_TIMEOUT, closed_stream, describe_exit, not_reading};
use crate::world::{ProblemKind, Reply, World as _};

/// How often it is looked whether nodes read what they are sent.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Longest wait without a look at the clock.
const WAIT_MAX: Duration = Duration::from_secs(3600);
/// Most reads of what a killed process has left in its pipe.
const LAST_READS_MAX: usize = 1024;

impl ProcessWorld {
    /// Waits for the next message to a client, at most until then or until the user interrupts.
    pub(super) fn next_reply(&mut self, until: Time) -> Option<Reply> {
        while !self.carrier.has_reply() {
            // Even if it is late already, there is one look at what has come meanwhile.
            let is_last_look = self.clock() >= until;
            self.step(until);
            if is_last_look || interrupted() || std::mem::take(&mut self.has_news) {
                break;
            }
        }
        self.carrier.next_reply()
    }

    /// Does what is due and waits, at most until then, for what comes next.
    pub(super) fn step(&mut self, until: Time) {
        self.time = self.clock();
        self.deliver_due();
        self.check_deadlines();
        self.flush();
        self.look_at_readers();
        if !self.carrier.has_reply() && !self.carrier.has_failed_to_start() {
            let next_arrival = self.carrier.fabric().next_time();
            let due = [Some(until), next_arrival, self.next_deadline(), Some(self.next_look)];
            let next = due.into_iter().flatten().min().unwrap_or(until);
            self.poll(next.since(self.time).min(WAIT_MAX));
        }
    }

    /// Waits until something can be read or written, and reads and writes it.
    fn poll(&mut self, timeout: Duration) {
        let mut streams = Vec::with_capacity(1 + 3 * self.nodes.len());
        let mut fds = Vec::with_capacity(streams.capacity());
        fds.push(PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN));
        for (index, node) in self.nodes.iter().enumerate() {
            for (stream, fd, flags) in node.running.iter().flat_map(|running| running.streams()) {
                streams.push((index, stream));
                fds.push(PollFd::from_borrowed_fd(fd, flags));
            }
        }
        let timeout = Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        if !matches!(poll(&mut fds, Some(&timeout)), Ok(1..)) {
            return;
        }
        let signalled = !fds[0].revents().is_empty();
        let events: Vec<_> = fds[1..].iter().map(PollFd::revents).collect();
        self.time = self.clock();
        for ((index, stream), events) in streams.into_iter().zip(events) {
            match stream {
                _ if events.is_empty() => {}
                Stream::Stdin if events.contains(PollFlags::OUT) => self.unblock(index),
                Stream::Stdin => self.close_stdin(index),
                Stream::Stdout => drop(self.read_stdout(index)),
                Stream::Stderr => self.read_stderr(index),
            }
        }
        if signalled {
            self.signals.clear();
            self.bury_the_dead();
            self.bury_the_adopted();
            self.notice_the_stopped();
        }
    }

    fn unblock(&mut self, index: usize) {
        if let Some(running) = &mut self.nodes[index].running {
            running.outgoing.is_blocked = false;
        }
    }

    fn close_stdin(&mut self, index: usize) {
        if let Some(running) = &mut self.nodes[index].running {
            running.close_stdin();
            self.note_closed(index, "stdin");
        }
    }

    /// Reads a node's stdout once and handles the lines that are whole.
    fn read_stdout(&mut self, index: usize) -> Filled {
        let Some(running) = &mut self.nodes[index].running else { return Filled::End };
        // Handling a line may touch any node, so the buffer is taken out meanwhile.
        let mut lines = std::mem::replace(&mut running.lines, LineBuffer::new(LINE_BYTES_MAX));
        let filled = running.read_stdout(&mut lines);
        match filled {
            Filled::Bytes(_) => lines.take_lines(|piece| self.receive_piece(index, &piece)),
            Filled::Nothing => {}
            Filled::End => self.note_closed(index, "stdout"),
        }
        if let Some(running) = &mut self.nodes[index].running {
            running.lines = lines;
        }
        filled
    }

    fn read_stderr(&mut self, index: usize) {
        let now = self.now();
        let node = &mut self.nodes[index];
        let was_full = node.log.is_full;
        node.read_stderr(now);
        if node.log.is_full && !was_full {
            self.complain(index, ProblemKind::LogFull, || {
                format!("it says so much on stderr that its log ends after {LOG_MIB_MAX} MiB")
            });
        }
    }

    /// Now and then looks whether every node reads what it is sent.
    fn look_at_readers(&mut self) {
        if self.time < self.next_look {
            return;
        }
        self.next_look = self.time + LOOK_INTERVAL;
        for index in 0..self.nodes.len() {
            let now = self.time;
            let Some(running) = &mut self.nodes[index].running else { continue };
            if self.carrier.awaits_init(index) || running.is_stopped {
                continue;
            }
            if let Some(unread) = running.stops_reading(now) {
                self.complain(index, ProblemKind::NotReading, || not_reading(unread));
            }
        }
    }

    /// Notices every process that stands still and was not paused by the nemesis.
    fn notice_the_stopped(&mut self) {
        for index in 0..self.nodes.len() {
            let Some(running) = &mut self.nodes[index].running else { continue };
            if running.is_paused || running.is_stopped || !running.is_stopped_by_signal() {
                continue;
            }
            running.is_stopped = true;
            self.complain(index, ProblemKind::Stopped, || {
                "the process was stopped by a signal (SIGSTOP or the like), by itself or from outside, \
                 and does nothing any more"
                    .to_owned()
            });
        }
    }

    /// Writes what waits to be written.
    fn flush(&mut self) {
        for index in 0..self.nodes.len() {
            if let Some(running) = &mut self.nodes[index].running
                && running.flush().is_err()
            {
                self.close_stdin(index);
            }
        }
    }

    fn note_closed(&mut self, index: usize, stream: &'static str) {
        let due = self.time + CLOSED_GRACE;
        if let Some(running) = &mut self.nodes[index].running {
            running.closed.get_or_insert((due, stream));
        }
    }

    /// When a node is late with something.
    fn next_deadline(&self) -> Option<Time> {
        let nodes = self.nodes.iter().enumerate();
        let running = nodes.filter_map(|(index, node)| Some((index, node.running.as_ref()?)));
        running
            .flat_map(|(index, running)| {
                let init = self.carrier.init_deadline(index);
                [init, running.closed.map(|(due, _)| due)].into_iter().flatten()
            })
            .filter(|due| *due < Time::MAX)
            .min()
    }

    fn check_deadlines(&mut self) {
        for index in 0..self.nodes.len() {
            let now = self.time;
            let Some(running) = &mut self.nodes[index].running else { continue };
            if let Some((due, stream)) = running.closed
                && due <= now
            {
                // Said once; no later time is due.
                running.closed = Some((Time::MAX, stream));
                self.complain(index, ProblemKind::ClosedStream, || closed_stream(stream));
            }
            let Some(running) = &self.nodes[index].running else { continue };
            if self.carrier.init_deadline(index).is_some_and(|deadline| deadline <= now) {
                let seconds = INIT_TIMEOUT.as_secs();
                let why = match running.is_stopped_by_signal() {
                    true => {
                        "the process is stopped (SIGSTOP, or a read from its terminal)".to_owned()
                    }
                    false => self.carrier.why_no_init(index, running.unread()),
                };
                let why = format!("it did not answer `init` within {seconds} s; {why}");
                self.carrier.fail_init(now, index, &why, &self.nodes[index].log.tail);
            }
        }
    }

    /// Notices every process that has ended.
    pub(super) fn bury_the_dead(&mut self) {
        for index in 0..self.nodes.len() {
            let Some(running) = &self.nodes[index].running else { continue };
            if !running.has_ended() {
                continue;
            }
            let Some(status) = self.end_process(index, true).filter(|_| !self.is_ending) else {
                self.carrier.killed(self.time, index);
                continue;
            };
            self.nodes[index].has_died = true;
            self.has_news = true;
            let exit = describe_exit(status.code(), status.signal());
            self.carrier.died(self.time, index, &exit, &self.nodes[index].log.tail);
        }
    }

    /// Notices the end of every adopted process.
    fn bury_the_adopted(&self) {
        if !self.adopts {
            return;
        }
        let reaper = self.reaper.as_ref().map(Reaper::pid);
        descendants::bury_adopted(|pid| {
            let nodes = self.nodes.iter().filter_map(|node| node.running.as_ref());
            Some(pid) == reaper || nodes.map(|running| running.group).any(|group| group == pid)
        });
    }

    /// Kills a process, if it lives, with all that it started, and takes what it still had to say.
    /// Half a line at the end counts only if the process ended by itself.
    pub(super) fn end_process(&mut self, index: usize, by_itself: bool) -> Option<ExitStatus> {
        self.nodes[index].running.as_ref()?.kill();
        self.note_end(index, by_itself)
    }

    /// Waits for the end of a process that was killed, and takes what it still had to say.
    pub(super) fn note_end(&mut self, index: usize, by_itself: bool) -> Option<ExitStatus> {
        let running = self.nodes[index].running.as_mut()?;
        let status = running.await_end();
        if let Some(reaper) = &mut self.reaper {
            reaper.forget(running.group);
        }
        running.close_stdin();
        for _ in 0..LAST_READS_MAX {
            if !matches!(self.read_stdout(index), Filled::Bytes(_)) {
                break;
            }
        }
        for _ in 0..LAST_READS_MAX {
            let now = self.now();
            if !matches!(self.nodes[index].read_stderr(now), Filled::Bytes(_)) {
                break;
            }
        }
        self.nodes[index].log.end();
        if by_itself {
            let running = self.nodes[index].running.as_mut()?;
            let lines = std::mem::replace(&mut running.lines, LineBuffer::new(LINE_BYTES_MAX));
            if let Some(rest) = lines.into_rest() {
                self.receive_piece(index, &Piece::Line(&rest));
            }
        }
        self.nodes[index].running = None;
        if !by_itself {
            self.carrier.killed(self.time, index);
        }
        status.ok()
    }
}
