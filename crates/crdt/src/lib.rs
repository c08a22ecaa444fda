//! Replicated data types that merge.
