//! The command line of the test bench.

fn main() {}
