//! The `consensus` program.

fn main() -> std::process::ExitCode {
    consensus::program().main()
}
