//! The `identifier` program.

fn main() -> std::process::ExitCode {
    identifier::program().main()
}
