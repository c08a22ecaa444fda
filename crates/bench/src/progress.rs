//! What a run tells while it goes on, for whoever watches.

use crate::workload::AnyEvent;

/// Somebody who watches a run.
pub trait Progress {
    /// An event was added to the history.
    fn event(&mut self, event: &dyn AnyEvent);

    /// The run enters another phase: `starting`, `running`, `settling`, `recovering`,
    /// `final reads`, `checking`, `writing`.
    fn phase(&mut self, name: &str) {
        let _ = name;
    }

    /// Whether the run is to end now, as when a user has pressed Ctrl-C. It is then judged by what was seen
    /// until then.
    fn wants_end(&self) -> bool {
        false
    }
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&mut self, _: &dyn AnyEvent) {}
}
