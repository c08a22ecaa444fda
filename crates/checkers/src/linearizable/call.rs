//! What is asked of an object, and when: the operations whose order is sought.

/// An operation that certainly happened, or may have.
#[derive(Clone, Debug)]
pub struct Call<O> {
    /// What it did.
    pub operation: O,
    /// Where in the history it was invoked.
    pub invoked: u64,
    /// Where it completed; `None` when its outcome is unknown.
    pub completed: Option<u64>,
}
