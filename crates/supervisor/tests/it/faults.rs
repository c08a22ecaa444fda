//! Faults: kill, pause, clocks that are wrong; and programs that behave badly.

use std::time::Duration;

use supervisor::{Delivered, Exit, Options, Stream, What};

use crate::cluster::options;
use crate::host::Host;

#[test]
fn a_killed_node_loses_what_it_has_not_written_and_comes_back_as_another() {
    let Some(mut host) = Host::calls(&["half-line"]) else { return };
    assert_eq!(host.until(1.0), ["whole"]);
    host.supervisor.kill(host.node).unwrap();
    assert!(!host.supervisor.is_running(host.node));
    assert!(host.until(2.0).is_empty(), "half a line is no line");
    host.supervisor.deliver(host.node, b"to nobody\n").unwrap();
    host.supervisor.restart(host.node).unwrap();
    assert_eq!(host.until(3.0), ["whole"]);
    assert!(host.supervisor.is_running(host.node));
}

#[test]
fn each_life_of_a_node_draws_anew_and_the_clock_has_gone_on() {
    let Some(mut host) = Host::calls(&["random", "echo"]) else { return };
    let first = host.until(5.0);
    host.supervisor.restart(host.node).unwrap();
    host.say("hello");
    let second = host.until(5.0);
    assert_ne!(first[0], second[0]);
    assert!(second[1].starts_with("1735689605.0"), "{second:?}");
}

#[test]
fn a_paused_node_holds_still_while_its_clock_goes_on() {
    let Some(mut host) = Host::calls(&["clock"]) else { return };
    assert_eq!(host.until(5.0), ["1735689600 at 0"]);
    host.supervisor.pause(host.node).unwrap();
    assert!(host.until(35.0).is_empty());
    host.supervisor.resume(host.node).unwrap();
    assert_eq!(host.until(40.0), ["1735689635 at 35000"]);
    assert_eq!(host.until(50.0), ["1735689645 at 45000"]);
}

#[test]
fn a_wrong_wall_clock_is_wrong_and_waits_do_not_mind() {
    let Some(mut host) = Host::with(options(1), &["clock"], |spec| {
        spec.clock_offset = -1_000_000_000_000;
    }) else {
        return;
    };
    assert_eq!(host.until(5.0), ["1735688600 at 0"]);
    host.supervisor.jump_clock(host.node, 1_000_500_000_000).unwrap();
    assert_eq!(host.until(15.0), ["1735689610 at 10000"]);
}

#[test]
fn a_kill_leaves_files_and_a_power_cut_leaves_what_was_synced() {
    let directory = tempfile::tempdir().unwrap();
    let Some(mut host) = Host::with(options(1), &["state"], |spec| {
        spec.cwd = Some(directory.path().into());
        spec.state_dir = Some(directory.path().into());
    }) else {
        return;
    };
    assert_eq!(host.until(1.0), ["0 0 0"]);
    host.supervisor.restart(host.node).unwrap();
    assert_eq!(host.until(2.0), ["3 3 3"], "the kernel had it all");
    host.supervisor.power_cut(host.node).unwrap();
    host.supervisor.restart(host.node).unwrap();
    assert_eq!(host.until(3.0), ["5 0 6"], "synced in the second life: all but the last byte");
}

#[test]
fn it_is_told_how_much_a_node_has_read_and_when_it_has_closed_its_ears_or_mouth() {
    let mut host =
        Host::shell("read line; sleep 5; exec 3<&0 <&-; sleep 5; exec 3<&- >&-; sleep 5");
    host.say("hello");
    host.say("unheard");
    host.until(1.0);
    let Delivered { read, unread } = host.supervisor.delivered(host.node).unwrap();
    assert_eq!((read, unread), (6, 8), "a shell reads byte by byte");
    host.until(6.0);
    let closed = |host: &Host, stream| host.has(|what| *what == What::Closed(stream));
    assert!(!closed(&host, Stream::Input), "it still has it as descriptor 3");
    host.until(11.0);
    assert!(closed(&host, Stream::Input) && closed(&host, Stream::Output));
    host.until(16.0);
    assert_eq!(host.exit(), Some(Exit::Code(0)));
    let said = host.events.iter().filter(|event| matches!(event.what, What::Closed(_)));
    assert_eq!(said.count(), 2, "once each");
}

#[test]
fn a_deaf_program_is_killed_all_the_same() {
    let Some(mut host) = Host::calls(&["stubborn"]) else { return };
    assert_eq!(host.until(10.0), ["deaf"]);
    host.supervisor.kill(host.node).unwrap();
    assert!(!host.supervisor.is_running(host.node));
}

#[test]
fn a_loop_without_calls_is_stopped_by_force_and_said_to_be() {
    let options = Options { patience: Duration::from_millis(5), ..options(1) };
    let Some(mut host) = Host::with(options, &["spin"], |_| {}) else { return };
    host.until(0.1);
    assert!(host.has(|what| matches!(what, What::Forced(why) if why.contains("computed"))));
    assert!(!host.has(|what| matches!(what, What::Stuck(_))), "there is hope yet");
    host.until(60.0);
    assert!(host.has(|what| matches!(what, What::Stuck(_))));
    assert!(host.supervisor.counts().forced > 0);
}

#[test]
fn nothing_outlives_a_supervisor_that_is_killed() {
    const CHILD: &str = "SUPERVISOR_TEST_IS_CHILD";
    if std::env::var_os(CHILD).is_some() {
        // Started by the test below: holds a tree of processes until it is killed.
        let mut host = Host::shell("sleep 1000000 & echo $PPID; sleep 1000000");
        host.until(1.0);
        eprintln!("ready");
        loop {
            std::thread::park();
        }
    }
    use std::io::BufRead as _;
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::nothing_outlives_a_supervisor_that_is_killed", "--nocapture"])
        .env(CHILD, "1")
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "ready"));
    let children = descendants(child.id());
    assert!(children.len() >= 3, "a shell and two sleeps: {children:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    // They are dying: that takes the kernel a moment.
    for _ in 0..1_000_000 {
        if !children.iter().any(|child| is_alive(*child)) {
            return;
        }
        std::thread::yield_now();
    }
    panic!("some of {children:?} live on");
}

/// Processes below a process.
fn descendants(of: u32) -> Vec<u32> {
    let mut all = Vec::new();
    let mut next = vec![of];
    while let Some(parent) = next.pop() {
        for task in std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten() {
            let path = task.unwrap().path().join("children");
            let children = std::fs::read_to_string(path).unwrap_or_default();
            next.extend(children.split_whitespace().map(|child| child.parse::<u32>().unwrap()));
        }
        all.push(parent);
    }
    all.retain(|&process| process != of);
    all
}

fn is_alive(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}
