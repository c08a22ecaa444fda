//! What a run tells while it goes on, for whoever watches.

use checkers::history::Event;
use proto::Json;

/// Somebody who watches a run.
pub trait Progress {
    /// An event was added to the history.
    fn event(&mut self, event: &Event<Json>);

    /// The run enters another phase: `starting`, `running`, `settling`, `recovering`,
    /// `final reads`, `checking`, `writing`.
    fn phase(&mut self, name: &str) {
        let _ = name;
    }
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&mut self, _: &Event<Json>) {}
}
