//! Syncs, while power cuts are possible: nothing goes to the disk, but it is noted what would have.

use nix::errno::Errno;

use crate::node::Node;
use crate::stops::Outcome;

impl Node {
    /// `fsync` and `fdatasync`.
    pub(super) fn sync_file(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (process, descriptor) = (thread.process, thread.int(0));
        let file = self.process(process).and_then(|process| process.descriptor(descriptor));
        match (file, &mut self.durable) {
            (None, _) => Errno::EBADF.into(),
            (_, None) => Outcome::Run,
            (Some(file), Some(durable)) => match durable.sync(&file) {
                Ok(()) => Outcome::Answer(0),
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
                let Some(file) = number.and_then(|number| process.descriptor(number)) else {
                    continue;
                };
                let flags = rustix::fs::fcntl_getfl(&file);
                if flags.is_ok_and(|flags| flags.intersects(rustix::fs::OFlags::DSYNC)) {
                    let _ = durable.sync(&file);
                }
            }
        }
    }
}
