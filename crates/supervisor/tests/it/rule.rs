//! What programs see of the supervisor's rule, call by call. The same program gives the same answers
//! without it, where a line says nothing else.

use supervisor::{Exit, Options, Preempt, Vdso, What, first_difference};

use crate::cluster::options;
use crate::host::Host;

#[test]
pub(crate) fn timers_fire_at_their_time_and_not_before() {
    let Some(mut host) = Host::calls(&["timers"]) else { return };
    assert_eq!(
        host.until(60.0),
        [
            "timerfd 1 at 2000",
            "timerfd 1 at 2500",
            "timerfd 3 at 4100",
            "alarm 1 at 7100",
            "itimer at 8600",
            "itimer at 9600",
            "timer 4 at 9850",
            "sleep broken off: -1, left 6, at 13850",
        ]
    );
    assert_eq!(host.exit(), Some(Exit::Code(0)));
}

#[test]
pub(crate) fn waits_with_a_limit_end_at_it() {
    let Some(mut host) = Host::calls(&["select", "condition"]) else { return };
    assert_eq!(host.until(60.0), ["select 0, set 0, at 5000", "timed out 1 at 12000"]);
}

/// As on Linux, where a sleep of 20 µs takes up to 100.
#[test]
fn short_sleeps_are_no_shorter_than_those_of_a_machine() {
    let Some(mut host) = Host::calls(&["naps"]) else { return };
    assert_eq!(host.until(1.0), ["naps until 101", "turns until 102"]);
}

#[test]
fn a_wait_for_input_ends_when_a_line_is_delivered() {
    let Some(mut host) = Host::calls(&["select"]) else { return };
    assert!(host.until(3.0).is_empty());
    host.say("now");
    assert_eq!(host.until(3.1), ["select 1, set 1, at 3000"]);
}

/// As on a pipe whose reader is quick. Python's raw stdout, for one, does not look how much was taken.
#[test]
fn a_long_write_is_taken_whole() {
    let Some(mut host) = Host::calls(&["long-write"]) else { return };
    let said = host.until(1.0);
    let lengths: Vec<_> = said.iter().map(String::len).collect();
    assert_eq!((&lengths[..], &*said[2]), (&[5_000_000, 5_000_000, 15][..], "5000001 5000001"));
}

#[test]
fn children_are_followed_and_waited_for() {
    let Some(mut host) = Host::calls(&["children"]) else { return };
    assert_eq!(
        host.until(60.0),
        [
            "same child 1, status 7, at 2000",
            "100",
            "same child 1, status 3, at 3000",
            "wait for nothing 0",
            "ended by 15 at 3001",
            "no more 1",
        ]
    );
}

#[test]
pub(crate) fn wrappers_and_pipelines_in_shell_are_nodes_too() {
    let mut host =
        Host::shell("read line; echo \"$line\" | tr a-z A-Z; sleep 5 & wait; exec echo $$");
    host.say("shout");
    assert_eq!(host.until(60.0), ["SHOUT", "100"]);
    assert_eq!(host.exit(), Some(Exit::Code(0)));
    assert!(host.supervisor.now().as_secs_f64() >= 5.0);
}

#[test]
fn a_first_thread_may_leave_before_the_others() {
    let Some(mut host) = Host::calls(&["leader-leaves"]) else { return };
    assert_eq!(host.until(60.0), ["the last thread leaves at 50"]);
    assert_eq!(host.exit(), Some(Exit::Code(0)));
}

#[test]
fn any_thread_may_become_another_program() {
    let Some(mut host) = Host::calls(&["thread-execs"]) else { return };
    assert_eq!(host.until(60.0), ["another program"]);
    assert_eq!(host.exit(), Some(Exit::Code(0)));
}

#[test]
pub(crate) fn signals_reach_threads_that_wait() {
    let Some(mut host) = Host::calls(&["thread-signal"]) else { return };
    assert_eq!(host.until(5.0), ["signal 1 at 300", "read broken off 1 at 2300"]);
    host.say("x");
    assert_eq!(host.until(60.0), ["read went on 1, alarms 2"]);
}

#[test]
fn a_program_knows_itself_by_numbers_that_are_always_the_same() {
    let Some(mut host) = Host::calls(&["identity"]) else { return };
    assert_eq!(host.until(1.0), ["100 1 100 1 0 1"], "process, parent, thread, processors");
}

#[test]
fn who_asks_for_its_number_again_is_answered_without_a_stop_and_truly() {
    let Some(mut host) = Host::calls(&["names"]) else { return };
    let told = host.until(1.0);
    assert_eq!(
        told,
        [
            "first 100 100",
            "thread 100 101",
            "child 102 102",
            "first 100 100",
            "vfork 103 103",
            "first 100 100",
        ]
    );
    let with_page = host.supervisor.counts().stops;
    let options = Options { vdso: Vdso::Hidden, ..options(1) };
    let Some(mut host) = Host::with(options, &["names"], |_| {}) else { return };
    assert_eq!(host.until(1.0), told);
    let without = host.supervisor.counts().stops;
    assert!(with_page + 190 < without, "{with_page} stops, {without} without the page");
}

#[test]
fn randomness_comes_from_the_seed() {
    let Some(mut first) = Host::calls(&["random"]) else { return };
    let Some(mut again) = Host::calls(&["random"]) else { return };
    let boot_seed = 2;
    let options = Options { boot_seed, ..options(1) };
    let Some(mut other) = Host::with(options, &["random"], |_| {}) else { return };
    let drawn = first.until(1.0);
    assert_eq!(drawn, again.until(1.0));
    assert_ne!(drawn, other.until(1.0));
    assert_eq!(drawn[0].len(), 17, "both sources gave something: {drawn:?}");
}

#[test]
fn random_numbers_in_hardware_are_hidden_where_the_processor_allows() {
    let options = Options { hide_hardware_random: true, ..options(1) };
    let Some(mut host) = Host::with(options, &["features"], |_| {}) else { return };
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    if processor.contains("cpuid_fault") {
        assert_eq!(host.until(1.0), ["rdrand 0, sse2 1"]);
    } else {
        println!("skipped, as cpuid cannot be made to trap here");
    }
}

#[test]
fn until_it_reads_its_input_a_node_knows_the_boot_seed_only() {
    let draw = |seed, boot_seed| {
        let options = Options { boot_seed, ..options(seed) };
        let mut host = Host::with(options, &["first-draw"], |_| {})?;
        host.say("go");
        Some(host.until(1.0))
    };
    let (Some(one), Some(two), Some(three)) = (draw(1, 1), draw(2, 1), draw(1, 2)) else { return };
    assert_eq!(one[0], two[0]);
    assert_ne!(one[1], two[1]);
    assert_ne!(one[0], three[0]);
    assert_eq!(one[1], three[1]);
}

#[test]
fn output_is_output_whatever_its_descriptor() {
    let Some(mut host) = Host::calls(&["copies"]) else { return };
    let mut lines = host.until(1.0);
    lines.sort();
    assert_eq!(lines, ["to output again", "to output by a copy"]);
    assert!(host.has(|what| *what == What::Stderr(b"to error".to_vec())));
}

#[test]
fn sockets_to_the_world_are_refused_and_pairs_work() {
    let Some(mut host) = Host::calls(&["sockets"]) else { return };
    assert_eq!(host.until(1.0), ["socket -1, network is down 1", "socketpair 0", "read x"]);
    assert!(host.has(|what| matches!(what, What::Refused(why) if why.contains("network socket"))));
}

#[test]
fn a_node_cannot_reach_its_supervisor_or_the_machine() {
    let Some(mut host) = Host::calls(&["attack", "clock-spin"]) else { return };
    assert_eq!(
        host.until(10.0),
        [
            "ptrace -1",
            "kill all -1, kill a stranger -1",
            "untraced child -1",
            "io_uring -1, not there 1",
            "set the clock -1",
            "waited with few looks: 1",
        ]
    );
    assert_eq!(host.exit(), Some(Exit::Code(0)));
}

/// A call a microsecond would be a terabyte a second.
#[test]
fn fifty_megabytes_are_not_written_in_no_time() {
    let Some(mut host) = Host::calls(&["flood"]) else { return };
    let said = host.until(1.0);
    assert_eq!((said.len(), &*said[50]), (51, "written at 52"));
}

/// Many programs, one of Maelstrom's own demonstrations among them, ask again and again whether there is
/// something to read.
#[test]
fn who_asks_for_input_all_the_time_gets_on() {
    let Some(mut host) = Host::calls(&["poll-spin"]) else { return };
    assert_eq!(host.until(10.0), ["polled few times: 1"]);
    let Some(mut host) = Host::calls(&["poll-spin"]) else { return };
    host.say("something to read");
    assert_eq!(host.until(10.0), ["polled few times: 1"]);
    let Some(mut host) = Host::calls(&["read-spin"]) else { return };
    assert!(host.until(1.0).is_empty());
    host.say("now");
    // It came a second after the beginning, and a look costs a millisecond by now.
    assert_eq!(host.until(10.0), ["read few times: 1, at 1001"]);
}

#[test]
fn a_long_line_comes_whole_though_the_pipe_is_small() {
    let Some(mut host) = Host::calls(&["length"]) else { return };
    host.say(&"x".repeat(3 << 20));
    assert_eq!(host.until(1.0), [(3 << 20 | 1).to_string()]);
}

#[test]
fn a_crash_is_reported_as_what_it_is() {
    let Some(mut host) = Host::calls(&["crash"]) else { return };
    host.until(1.0);
    assert_eq!(host.exit(), Some(Exit::Signal(6)));
    let Some(mut host) = Host::calls(&["crash-among-threads"]) else { return };
    host.until(1.0);
    assert_eq!(host.exit(), Some(Exit::Signal(11)));
}

#[test]
fn a_program_that_is_not_there_is_no_node() {
    let mut supervisor = supervisor::Supervisor::new(options(1)).unwrap();
    let spec = supervisor::NodeSpec { program: "/no/such/program".into(), ..Default::default() };
    let error = supervisor.spawn(spec).unwrap_err().to_string();
    assert!(error.contains("No such file"), "{error}");
}

#[test]
fn the_first_difference_of_two_runs_has_a_name() {
    let run = |line| {
        let options = Options { record: true, ..options(1) };
        let mut host = Host::with(options, &["echo"], |_| {})?;
        host.until(1.0);
        host.say(line);
        host.until(2.0);
        Some(host.supervisor.record().to_vec())
    };
    let (Some(one), Some(same), Some(other)) = (run("a"), run("a"), run("a\nb")) else { return };
    assert_eq!(first_difference(&one, &same), None);
    let (_, there, here) = first_difference(&one, &other).unwrap();
    let (there, here) = (there.unwrap(), here.unwrap());
    assert_eq!((there.number, here.number), (0, 1), "one reads on, the other writes");
    assert_eq!((here.node, here.thread, here.time().as_secs()), (0, 100, 1));
}

#[test]
fn a_race_between_calls_shows_when_threads_are_stopped_between_instructions() {
    let run = |seed, preempt| {
        let options = Options { preempt, boot_seed: seed, ..options(seed) };
        let mut host = Host::with(options, &["race"], |_| {})?;
        Some((host.until(1.0), host.supervisor.digest()))
    };
    if run(1, Preempt::Never).is_none() {
        return;
    }
    for seed in 0..20 {
        let (sum, _) = run(seed, Preempt::Calls(200)).unwrap();
        assert_eq!(sum, ["100"], "threads change places at calls, where nothing is half done");
    }
    let failing = (0..100).find(|&seed| run(seed, Preempt::Deep(200)).unwrap().0 != ["100"]);
    let seed = failing.expect("one of 100 seeds loses an addition");
    let first = run(seed, Preempt::Deep(200));
    for _ in 0..5 {
        assert_eq!(run(seed, Preempt::Deep(200)), first);
    }
}

/// The processor's own mark of a step is among the flags that a program keeps while it goes step by step.
#[test]
fn a_program_that_keeps_its_flags_takes_back_no_step_of_ours() {
    for seed in 0..20 {
        let options = Options { preempt: Preempt::Deep(200), ..options(seed) };
        let Some(mut host) = Host::with(options, &["flags"], |_| {}) else { return };
        assert_eq!(host.until(60.0), ["flags kept"], "seed {seed}");
        assert_eq!(host.exit(), Some(Exit::Code(0)), "seed {seed}");
    }
}

#[test]
pub(crate) fn clocks_show_the_same_whether_looking_is_a_call_or_not() {
    let run = |vdso| {
        let mut host =
            Host::with(Options { vdso, ..options(1) }, &["condition", "timers"], |_| {})?;
        Some((host.until(60.0), host.supervisor.counts().stops))
    };
    let (Some(replaced), Some(hidden)) = (run(Vdso::Replaced), run(Vdso::Hidden)) else { return };
    assert_eq!(replaced.0, hidden.0);
    assert!(replaced.1 < hidden.1, "{} stops instead of {}", replaced.1, hidden.1);
}

#[test]
fn several_supervisors_work_side_by_side_each_on_its_thread() {
    let run = || {
        let mut host = Host::calls(&["children", "timers"])?;
        Some((host.until(60.0), host.supervisor.digest()))
    };
    let Some(alone) = run() else { return };
    let threads = [(); 4].map(|()| std::thread::spawn(move || [run(), run(), run()]));
    for thread in threads {
        for outcome in thread.join().unwrap() {
            assert_eq!(outcome.as_ref(), Some(&alone));
        }
    }
}
