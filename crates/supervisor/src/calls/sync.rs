//! Syncs, while power cuts are possible: nothing goes to the disk, but it is noted what would have.

use std::io;

use nix::errno::Errno;

use crate::node::Node;
use crate::stops::Outcome;

impl Node {
    /// `fsync` and `fdatasync`.
    pub(super) fn sync_file(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (process, descriptor) = (thread.process, thread.int(0));
        let file = self.process(process).map(|process| process.path(descriptor));
        match (file, &mut self.durable) {
            (None, _) | (_, None) => Outcome::Run,
            (Some(file), Some(durable)) => match durable.sync(file.as_ref()) {
                Ok(()) => Outcome::Answer(0),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Errno::EBADF.into(),
                Err(_) => Errno::EIO.into(),
            },
        }
    }

    /// `sync`, `syncfs`, and `msync`, whose files are not looked up: all count as synced.
    pub(super) fn sync_all(&mut self) -> Outcome {
        match self.durable.as_mut().map(crate::durable::Durable::sync_all) {
            None => Outcome::Run,
            Some(Ok(())) => Outcome::Answer(0),
            Some(Err(_)) => Errno::EIO.into(),
        }
    }

    /// What the node's open files promise by themselves: each write to them is a sync.
    pub(crate) fn sync_synchronous_files(&mut self) {
        let Some(durable) = &mut self.durable else { return };
        for process in &self.processes {
            let directory = format!("/proc/{}/fd", process.pid);
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
                let Some(number) = number else { continue };
                let flags = process.look(number).map(|(_, flags)| flags);
                if flags.is_some_and(|flags| flags.intersects(rustix::fs::OFlags::DSYNC)) {
                    let _ = durable.sync(process.path(number).as_ref());
                }
            }
        }
    }
}
