//! Where Docker's default profile rules: no `pidfd_getfd`, no fixed addresses, no `clone3`.

use std::collections::BTreeMap;
use std::process::Command;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use supervisor::Supervisor;

use crate::cluster::{options, run, run_on, templates};
use crate::programs::program;
use crate::repeat::load;
use crate::rule;

/// `personality` with these is allowed: Linux as it is, by its 32-bit name, and questions.
const PERSONALITIES: [u64; 5] = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// What the default profile of Docker 25 (moby's `default.json`) does to a container without
/// capabilities, as far as it concerns calls that the supervisor, a launcher or a C library might make.
fn like_docker() -> Vec<BpfProgram> {
    let refused = [
        libc::SYS_pidfd_getfd,
        libc::SYS_kcmp,
        libc::SYS_process_madvise,
        libc::SYS_perf_event_open,
        libc::SYS_bpf,
        libc::SYS_userfaultfd,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_mount,
        libc::SYS_io_uring_setup,
        libc::SYS_keyctl,
        libc::SYS_move_pages,
    ];
    let no_rule = Vec::new;
    let mut not_permitted: BTreeMap<i64, Vec<SeccompRule>> =
        refused.into_iter().map(|call| (call, no_rule())).collect();
    let differs =
        |value| SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value).unwrap();
    let other = SeccompRule::new(PERSONALITIES.map(differs).into()).unwrap();
    not_permitted.insert(libc::SYS_personality, vec![other]);
    let not_there = BTreeMap::from([(libc::SYS_clone3, no_rule())]);
    [(not_permitted, libc::EPERM), (not_there, libc::ENOSYS)]
        .map(|(rules, errno)| {
            let refuse = SeccompAction::Errno(errno as u32);
            SeccompFilter::new(rules, SeccompAction::Allow, refuse, TargetArch::x86_64)
                .unwrap()
                .try_into()
                .unwrap()
        })
        .into()
}

/// Runs a program, started and copied, and answers the digests.
fn digests(name: &str) -> Option<(u64, u64)> {
    let program = program(name)?;
    let started = run(options(1), &program, &load());
    let mut templates = templates(options(0), &program, &load());
    let copied = Supervisor::from_templates(1, Vec::new(), &mut templates).unwrap();
    let copied = run_on(copied, 1, &load());
    assert_eq!(started.reads.len(), 3, "{name}: {:#?}", started.transcript);
    Some((started.digest, copied.digest))
}

/// Set in a process that is to put itself into a container.
const CHILD: &str = "SUPERVISOR_TEST_IN_CONTAINER";

/// From here on this thread, and what it starts, lives as in a container.
fn enter() {
    for filter in like_docker() {
        seccompiler::apply_filter(&filter).unwrap();
    }
    let this = rustix::process::getpid();
    let handle = rustix::process::pidfd_open(this, rustix::process::PidfdFlags::empty()).unwrap();
    let none = rustix::process::PidfdGetfdFlags::empty();
    let refused = rustix::process::pidfd_getfd(&handle, 0, none);
    assert_eq!(refused.err(), Some(rustix::io::Errno::PERM), "the filter is in force");
}

/// Runs one of these tests in a process that enters a container; it must say this.
fn inside(test: &str, expected: &str) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("container::{test}"), "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stderr);
    assert!(
        child.status.success() && told.lines().any(|line| line.ends_with(expected)),
        "outside: {expected}; inside:\n{told}\n{}",
        String::from_utf8_lossy(&child.stdout)
    );
}

/// In a container a program runs as outside, call by call, although the supervisor gets at its files in
/// another way and addresses are not fixed.
fn same_as_outside(name: &str) {
    if std::env::var_os(CHILD).is_some() {
        enter();
        eprintln!("digests {:?}", digests(name));
        return;
    }
    let expected = format!("digests {:?}", digests(name));
    inside(&format!("{name}_runs_in_a_container_as_outside"), &expected);
}

#[test]
fn waits_and_timers_are_those_of_outside() {
    match std::env::var_os(CHILD) {
        Some(_) => {
            enter();
            rule::timers_fire_at_their_time_and_not_before();
            rule::waits_with_a_limit_end_at_it();
            rule::signals_reach_threads_that_wait();
            rule::wrappers_and_pipelines_in_shell_are_nodes_too();
            rule::clocks_show_the_same_whether_looking_is_a_call_or_not();
            eprintln!("all");
        }
        None => inside("waits_and_timers_are_those_of_outside", "all"),
    }
}

#[test]
fn python_runs_in_a_container_as_outside() {
    same_as_outside("python");
}

#[test]
fn asyncio_runs_in_a_container_as_outside() {
    same_as_outside("asyncio");
}

#[test]
fn go_runs_in_a_container_as_outside() {
    same_as_outside("go");
}
