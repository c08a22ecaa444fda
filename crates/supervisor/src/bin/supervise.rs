//! The launcher of the crate's own tests and measurements, as a program of its own.

fn main() {
    supervisor::launch(std::env::args_os().skip(1))
}
