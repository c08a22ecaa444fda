//! The command line of the test bench.

fn main() -> std::process::ExitCode {
    eddy::main(&[])
}
