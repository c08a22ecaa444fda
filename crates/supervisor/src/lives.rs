//! Birth, change and death: new threads and processes, programs that become others, ends.

use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::error::Error;
use crate::event::{Exit, What};
use crate::node::{FIRST_ID, Node, tolerate_death};
use crate::process::{Process, Role};
use crate::thread::{AtExit, Cause, Resume, State, Thread, Wait};
use crate::timers::TimerName;
use crate::wait::{Stop, wait};
use crate::{image, memory};

/// `CLONE_THREAD`.
const THREAD: u64 = libc::CLONE_THREAD as u64;

impl Node {
    /// A thread or a process was born. It gets the next number, and everybody sees that.
    pub(crate) fn birth(&mut self, id: u32, event: i32) -> Result<(), Error> {
        let born = self.next_id;
        let Some(parent) = self.thread(id) else { return Ok(()) };
        let (parent_tid, regs, process) = (parent.tid, parent.regs, parent.process);
        let Ok(tid) = ptrace::getevent(parent_tid) else { return Ok(()) };
        let tid = Pid::from_raw(tid as i32);
        self.next_id += 1;
        // Its first stop, before its first instruction.
        let stop = wait(Some(tid))?;
        let (flags, cloned) = match regs.orig_rax as i64 {
            libc::SYS_clone => (regs.rdi, true),
            _ => (0, false),
        };
        let is_thread = flags & THREAD != 0;
        if let Some(parent) = self.thread(id) {
            parent.at_exit = Some(AtExit::Born(born));
            parent.state = if event == libc::PTRACE_EVENT_VFORK {
                // The kernel holds it until the child execs or exits.
                tolerate_death(ptrace::syscall(parent_tid, None))?;
                State::Kernel
            } else {
                State::Ready(Resume::ToExit)
            };
        }
        if !matches!(stop, Some((_, Stop::Signal(_)))) {
            return Ok(());
        }
        let number = born.to_le_bytes();
        if cloned && flags & libc::CLONE_PARENT_SETTID as u64 != 0 {
            let _ = memory::write(parent_tid, regs.rdx, &number);
        }
        if cloned && flags & libc::CLONE_CHILD_SETTID as u64 != 0 {
            let _ = memory::write(tid, regs.r10, &number);
        }
        let Ok(child) = ptrace::getregs(tid) else { return Ok(()) };
        let owner = if is_thread {
            process
        } else {
            let mut made = Process::new(tid, born, Some(process))?;
            if let Some(from) = self.process(process) {
                made.roles = from.roles;
                made.has_page = from.has_page;
            }
            self.processes.push(made);
            born
        };
        self.pids.insert(tid.as_raw(), born);
        self.threads.push(Thread::new(tid, born, owner, child));
        self.ready.push(born);
        Ok(())
    }

    /// A process has become another program: its memory is new, its other threads are gone.
    pub(crate) fn exec(&mut self, id: u32) -> Result<(), Error> {
        let Some(thread) = self.thread(id) else { return Ok(()) };
        let (process, tid) = (thread.process, thread.tid);
        let others: Vec<(u32, Pid)> = self
            .threads
            .iter()
            .filter(|other| other.process == process && other.id != id)
            .map(|other| (other.id, other.tid))
            .collect();
        for (other, _) in others {
            self.forget(other);
        }
        let mut bytes = [0; 16];
        self.draw(&mut bytes);
        let (replace, trap) = (self.options.replace_vdso, self.options.trap_cpuid);
        let has_page = image::prepare(tid, &bytes, replace, trap)
            .map_err(Error::system("prepare a program"))?;
        self.release_parent(process)?;
        let Some(thread) = self.thread(id) else { return Ok(()) };
        // A program's first thread bears the number of its process.
        thread.id = process;
        thread.state = State::Ready(Resume::Continue);
        thread.at_exit = None;
        self.threads.sort_by_key(|thread| thread.id);
        if let Some(process) = self.process(process) {
            process.has_page = has_page;
            process.timers.all.retain(|name, _| *name == TimerName::Real);
        }
        if id != process {
            // Whoever runs it goes by its old name.
            self.ready.push(process);
        }
        Ok(())
    }

    /// Waits for a thread whose stop may be that of its whole process: taking over the process's number
    /// by `execve`, or dying by a signal. The ends of the other threads must be taken, or it never
    /// comes.
    pub(crate) fn wait_among_ends(&mut self, id: u32) -> Result<Option<Stop>, Error> {
        let Some(thread) = self.thread(id) else { return Ok(None) };
        let (tid, process) = (thread.tid, thread.process);
        let leader = self.process(process).map_or(tid, |process| process.pid);
        loop {
            let Some((who, stop)) = wait(None)? else { return Ok(None) };
            let takes_over = who == leader && stop == Stop::Event(libc::PTRACE_EVENT_EXEC);
            if takes_over && let Some(thread) = self.thread(id) {
                thread.tid = leader;
            }
            if takes_over || who == tid {
                return Ok(Some(stop));
            }
            let gone = self.threads.iter().find(|thread| thread.tid == who).map(|thread| thread.id);
            if let (Some(gone), Stop::Gone(_)) = (gone, stop) {
                self.forget(gone);
            }
        }
    }

    /// The child of a `vfork` is on its own: its parent comes out of the kernel.
    fn release_parent(&mut self, child: u32) -> Result<(), Error> {
        let held = self.threads.iter().find(|thread| {
            matches!(thread.state, State::Kernel)
                && matches!(thread.at_exit, Some(AtExit::Born(born)) if born == child)
        });
        let Some((id, tid)) = held.map(|thread| (thread.id, thread.tid)) else { return Ok(()) };
        if let Some((_, Stop::Event(_) | Stop::CallEnd)) = wait(Some(tid))?
            && let Some(thread) = self.thread(id)
        {
            thread.state = State::Ready(Resume::ToExit);
            self.ready.push(id);
        }
        Ok(())
    }

    /// A thread ended by itself: its number is free, and who waits for that is told.
    pub(crate) fn forget(&mut self, id: u32) {
        self.threads.retain(|thread| thread.id != id);
        self.ready.retain(|&ready| ready != id);
        self.urgent.retain(|&urgent| urgent != id);
        self.current = self.current.filter(|&current| current != id);
    }

    /// A thread's end has been reported. Unless it left by itself its whole process ends.
    pub(crate) fn bury(&mut self, id: u32, exit: Exit) -> Result<(), Error> {
        let Some(thread) = self.thread(id) else { return Ok(()) };
        let process = thread.process;
        let left_alone = thread.regs.orig_rax as i64 == libc::SYS_exit;
        let is_leader = id == process;
        self.forget(id);
        let has_others = self.threads.iter().any(|thread| thread.process == process);
        if left_alone && has_others && !is_leader {
            self.recheck_futexes(process)?;
            // A first thread that left before the others is reported after the last of them.
            let last = self.threads.iter().filter(|thread| thread.process == process).count() == 1;
            if last
                && let Some(leader) = self.thread(process)
                && matches!(leader.state, State::Kernel)
            {
                return self.await_death(process);
            }
            return Ok(());
        }
        self.bury_process(process, exit, is_leader)
    }

    /// Waits until a thread that is dying has died.
    pub(crate) fn await_death(&mut self, id: u32) -> Result<(), Error> {
        let Some(thread) = self.thread(id) else { return Ok(()) };
        let tid = thread.tid;
        let mut exit = Exit::Signal(libc::SIGKILL);
        while let Some((_, stop)) = wait(Some(tid))? {
            if let Stop::Gone(how) = stop {
                exit = how;
                break;
            }
            let _ = ptrace::cont(tid, None);
        }
        if let Some(thread) = self.thread(id) {
            thread.regs.orig_rax = u64::MAX;
        }
        self.bury(id, exit)
    }

    /// The node's first process has ended, and with it the node.
    fn finish(&mut self, exit: Exit) -> Result<(), Error> {
        self.destroy()?;
        for role in [Role::Output, Role::Error] {
            self.collect_stray(role);
        }
        if let Some(line) = self.output.lines.rest() {
            self.say(What::Output(line));
        }
        if let Some(line) = self.error.lines.rest() {
            self.say(What::Stderr(line));
        }
        self.say(What::Exited(exit));
        self.exit = Some(exit);
        Ok(())
    }

    /// Kills whatever is left of the node.
    pub(crate) fn destroy(&mut self) -> Result<(), Error> {
        for process in &self.processes {
            let _ = nix::sys::signal::kill(process.pid, Signal::SIGKILL);
        }
        while let Some(process) = self.processes.pop() {
            self.reap(process.id)?;
        }
        Ok(())
    }

    /// A process ends: takes the ends of its threads, the first one's last, and tells its parent.
    pub(crate) fn bury_process(
        &mut self,
        process: u32,
        mut exit: Exit,
        leader_is_gone: bool,
    ) -> Result<(), Error> {
        if let Some(how) = self.reap(process)?
            && !leader_is_gone
        {
            exit = how;
        }
        let parent = self.process(process).and_then(|process| process.parent);
        self.processes.retain(|known| known.id != process);
        self.release_parent(process)?;
        self.note(process, -1000);
        if process == FIRST_ID {
            return self.finish(exit);
        }
        if let Some(parent) = parent.and_then(|parent| self.process(parent)) {
            parent.signalled = true;
            let parent = parent.id;
            self.wake_parents(parent)?;
        }
        Ok(())
    }

    /// Takes the ends of a dying process's threads, the first one's last, and answers how that ended.
    pub(crate) fn reap(&mut self, process: u32) -> Result<Option<Exit>, Error> {
        let mut exit = None;
        let mut rest: Vec<(u32, Pid)> = self
            .threads
            .iter()
            .filter(|thread| thread.process == process)
            .map(|thread| (thread.id, thread.tid))
            .collect();
        // The kernel reports a process's first thread after all others.
        rest.sort_by_key(|&(id, _)| (id == process, id));
        for (id, tid) in rest {
            while let Some((_, stop)) = wait(Some(tid))? {
                if let Stop::Gone(how) = stop {
                    exit = Some(how);
                    break;
                }
                // Not dying after all: that is what it is here for.
                let _ = ptrace::cont(tid, Signal::SIGKILL);
            }
            self.forget(id);
        }
        Ok(exit)
    }

    /// Lets those who wait for a child ask again.
    fn wake_parents(&mut self, process: u32) -> Result<(), Error> {
        let mut woken = Vec::new();
        for thread in self.threads.iter_mut().filter(|thread| thread.process == process) {
            if let State::Waiting(Wait { cause: Cause::Child, .. }) = thread.state {
                let entry = thread.regs;
                tolerate_death(thread.again(entry))?;
                woken.push(thread.id);
            }
        }
        self.ready.append(&mut woken);
        Ok(())
    }
}
