//! What a workload says of the messages of a run, besides what its clients saw.

use std::cell::RefCell;
use std::rc::Rc;

use simulator::Observation;

use super::{Checked, workload};
use crate::harness::Record;
use crate::options::Options;

/// Follows the messages of a run.
pub trait Watch {
    /// Sees what happens to a message, as it happens in the network. Whatever a node had received
    /// before a message was sent by it, it was shown before; with real processes a message counts as
    /// received when it stands in the node's stdin.
    fn note(&mut self, seen: &Observation<'_>);

    /// What may be said of all of them.
    fn finish(self: Box<Self>) -> Checked;
}

/// The watch of a run's workload, if it has one, shared with the network that it watches.
#[derive(Clone)]
pub struct SharedWatch(Rc<RefCell<Option<Box<dyn Watch>>>>);

impl SharedWatch {
    /// The watch of the workload of these options, which has seen nothing yet.
    pub fn of(options: &Options) -> Self {
        Self(Rc::new(RefCell::new(workload(options).watch(&options.nodes))))
    }

    /// What is to be shown every message, if anybody wants to see them.
    pub fn observer(&self) -> Option<impl FnMut(Observation<'_>) + 'static> {
        let shared = Rc::clone(&self.0);
        self.0.borrow().is_some().then_some(move |seen: Observation<'_>| {
            if let Some(watch) = &mut *shared.borrow_mut() {
                watch.note(&seen);
            }
        })
    }

    /// Adds what it says to the record of the run. It sees nothing more.
    pub fn finish(&self, record: &mut Record) {
        if let Some(watch) = self.0.take() {
            record.watched = Some(watch.finish());
        }
    }
}
