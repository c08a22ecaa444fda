//! The `gossiper` program.

fn main() -> std::process::ExitCode {
    gossiper::program().main()
}
