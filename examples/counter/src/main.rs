//! The whole command line of `eddy` over the nodes of this crate:
//! `cargo run --features eddy -- sweep --simulate counter -w g-counter --seeds 0..100 -- careless`.

fn main() -> std::process::ExitCode {
    eddy::main(&[counter::program])
}
