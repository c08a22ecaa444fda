//! The same seed, the same run: transcript and trace of calls, whatever the machine does meanwhile.

use std::time::Duration;

use supervisor::Supervisor;

use crate::cluster::{Load, Outcome, Program, options, run, run_on, templates};
use crate::programs::program;

pub(crate) fn load() -> Load {
    Load {
        nodes: 3,
        seconds: 5.0,
        rate: 10.0,
        settle: 2.0,
        latency: (Duration::from_millis(10), Duration::from_millis(100)),
        loss: 0.1,
    }
}

/// How often each program runs.
fn times() -> usize {
    std::env::var("SUPERVISOR_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(20)
}

fn check(name: &str) {
    let Some(program) = program(name) else { return };
    let first = run(options(1), &program, &load());
    let all: Vec<u64> = (0..first.broadcasts).collect();
    assert_eq!(first.forced, 0, "{name}: a thread had to be stopped by force");
    assert_eq!(first.reads.len(), 3, "{name}: {:#?}", first.transcript);
    for (node, values) in &first.reads {
        assert_eq!(values, &all, "{name}: {node} has every value, for what is lost is sent again");
    }
    for round in 1..times() {
        same(name, round, &first, &run(options(1), &program, &load()));
    }
    let other = run(options(2), &program, &load());
    assert_ne!(other.transcript, first.transcript, "{name}: another seed, another run");
}

fn same(name: &str, round: usize, first: &Outcome, again: &Outcome) {
    let parting = first.transcript.iter().zip(&again.transcript).find(|(a, b)| a != b);
    assert_eq!(parting, None, "{name}: transcripts part in run {round}");
    assert_eq!(again.transcript.len(), first.transcript.len(), "{name}: run {round}");
    assert_eq!(again.digest, first.digest, "{name}: the trace of calls differs in run {round}");
    assert_eq!(again.stops, first.stops, "{name}: run {round}");
}

/// A run from a copied template is the run of a started program, call by call.
fn check_copies(name: &str, copied: usize) {
    let Some(program) = program(name) else { return };
    let mut templates = templates(options(0), &program, &load());
    assert_eq!(templates.copied(), copied, "{name}");
    for seed in [1, 2, 1] {
        let copy = Supervisor::from_templates(seed, Vec::new(), &mut templates).unwrap();
        assert!(
            Supervisor::from_templates(seed, Vec::new(), &mut templates).is_err(),
            "one at a time"
        );
        same(name, 0, &run(options(seed), &program, &load()), &run_on(copy, seed, &load()));
    }
}

#[test]
fn copies_of_python_behave_as_if_started() {
    check_copies("python", 3);
    check_copies("asyncio", 3);
}

#[test]
fn copies_of_python_behind_a_wrapper_in_shell_behave_as_if_started() {
    let Some(python) = program("python") else { return };
    let directory = tempfile::tempdir().unwrap();
    let wrapper = directory.path().join("wrapper.sh");
    let [script] = &python.args[..] else { panic!("its one argument is the script") };
    let text = format!(
        "#!/bin/sh\nname=$(echo hello | tr l L)\nsleep 0\nexec {} {}\n",
        python.program.display(),
        script.display()
    );
    std::fs::write(&wrapper, text).unwrap();
    let program = Program { program: "/bin/sh".into(), args: vec![wrapper.into()] };
    let mut templates = templates(options(0), &program, &load());
    assert_eq!(templates.copied(), 3);
    for seed in [1, 2] {
        let copy = Supervisor::from_templates(seed, Vec::new(), &mut templates).unwrap();
        let copied = run_on(copy, seed, &load());
        same("wrapper", 0, &run(options(seed), &program, &load()), &copied);
    }
    let copy = Supervisor::from_templates(3, Vec::new(), &mut templates).unwrap();
    assert!(copy.counts().stops > 300, "Python itself was started as well");
}

#[test]
fn copies_of_java_behave_as_if_started() {
    check_copies("java", 3);
}

#[test]
fn copies_of_others_behave_as_if_started() {
    check_copies("c", 3);
    check_copies("ruby", 3);
    check_copies("go", 3);
    check_copies("rust", 3);
    check_copies("node", 3);
}

#[test]
fn python_with_threads_repeats() {
    check("python");
}

#[test]
fn python_with_asyncio_repeats() {
    check("asyncio");
}

#[test]
fn c_repeats() {
    check("c");
}

#[test]
fn rust_repeats() {
    check("rust");
}

#[test]
fn go_repeats() {
    check("go");
}

#[test]
fn node_repeats() {
    check("node");
}

#[test]
fn ruby_repeats() {
    check("ruby");
}

#[test]
fn java_repeats() {
    check("java");
}
