//! gossiper.
