//! The programs under test, one or two a language: found, compiled if need be, or skipped with a word.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cluster::Program;

/// The sources.
fn source(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nodes").join(file)
}

/// Where compiled programs go.
fn built(file: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("nodes");
    std::fs::create_dir_all(&directory).unwrap();
    directory.join(file)
}

/// The first of these programs that is there.
fn find(candidates: &[&str]) -> Option<PathBuf> {
    candidates.iter().map(PathBuf::from).find(|path| path.exists())
}

fn skip(name: &str, what: &str) -> Option<Program> {
    eprintln!("skipped: {name}, as there is no {what}");
    None
}

/// Runs a compiler unless its output is newer than its source.
fn compile(source: &Path, output: &Path, command: &mut Command) {
    let time = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
    if time(output) > time(source) {
        return;
    }
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn script(name: &str, interpreters: &[&str], file: &str) -> Option<Program> {
    let Some(program) = find(interpreters) else { return skip(name, interpreters[0]) };
    Some(Program { program, args: vec![source(file).into()] })
}

/// A program in C, compiled.
fn c_program(name: &str) -> Option<Program> {
    let Some(compiler) = find(&["/usr/bin/cc"]) else { return skip(name, "/usr/bin/cc") };
    let (source, output) = (source(&format!("{name}.c")), built(&format!("{name}_c")));
    let mut command = Command::new(compiler);
    command.args(["-O1", "-w", "-pthread", "-o"]);
    // Put in place whole: tests that run side by side may start it.
    let fresh = built(&format!("{name}_c.{}", std::process::id()));
    compile(&source, &output, command.arg(&fresh).arg(&source));
    let _ = std::fs::rename(&fresh, &output);
    Some(Program { program: output, args: Vec::new() })
}

const PYTHON: &[&str] = &["/usr/bin/python3"];

/// Each program, by name.
pub(crate) fn program(name: &str) -> Option<Program> {
    static COMPILER: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = COMPILER.lock();
    match name {
        "python" => script("python", PYTHON, "broadcast_threads.py"),
        "asyncio" => script("asyncio", PYTHON, "broadcast_asyncio.py"),
        "node" => script("node", &["/usr/bin/node", "/usr/local/bin/node"], "broadcast.js"),
        "ruby" => script("ruby", &["/usr/bin/ruby", "/usr/local/bin/ruby"], "broadcast.rb"),
        "c" => c_program("broadcast"),
        "calls" => c_program("calls"),
        "rust" => {
            let (source, output) = (source("broadcast.rs"), built("broadcast_rs"));
            let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
            compile(
                &source,
                &output,
                Command::new(compiler)
                    .args(["-O", "--edition", "2024", "-o"])
                    .arg(&output)
                    .arg(&source),
            );
            Some(Program { program: output, args: Vec::new() })
        }
        "go" => {
            let Some(compiler) = find(&["/usr/bin/go", "/usr/local/go/bin/go"]) else {
                return skip("go", "/usr/bin/go");
            };
            let (source, output) = (source("broadcast.go"), built("broadcast_go"));
            compile(
                &source,
                &output,
                Command::new(compiler)
                    .args(["build", "-o"])
                    .arg(&output)
                    .arg(&source)
                    .env("HOME", built(""))
                    .env("GOCACHE", built("go-cache")),
            );
            Some(Program { program: output, args: Vec::new() })
        }
        "java" => {
            let (Some(compiler), Some(program)) =
                (find(&["/usr/bin/javac"]), find(&["/usr/bin/java"]))
            else {
                return skip("java", "/usr/bin/javac");
            };
            let source = source("Broadcast.java");
            let directory = built("java");
            compile(
                &source,
                &directory.join("Broadcast.class"),
                Command::new(compiler).arg("-d").arg(&directory).arg(&source),
            );
            // Its performance data is a file in a directory that all of the machine's Java programs
            // share: what a start finds there differs.
            let args = vec![
                "-XX:-UsePerfData".into(),
                "-XX:TieredStopAtLevel=1".into(),
                "-cp".into(),
                directory.into(),
                "Broadcast".into(),
            ];
            Some(Program { program, args })
        }
        _ => panic!("unknown program {name}"),
    }
}
