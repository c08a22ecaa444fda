//! A node that has nothing to do uses no processor time.
#![cfg(target_os = "linux")]

use std::time::Duration;

use serde_json::json;

use crate::process::{Process, echo, echo_ok, request};

/// Processor time that the process has used, in clock ticks of 10 ms, and how often its threads
/// gave up the processor by themselves.
fn usage(process: u32) -> (u64, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The second field, a name in brackets, may hold blanks; user and system time are 14 and 15.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let switches = threads.map(|thread| {
        let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt")).unwrap();
        line.split_whitespace().last().unwrap().parse::<u64>().unwrap()
    });
    (ticks, switches.sum())
}

#[test]
fn an_idle_node_uses_no_processor_time() {
    let mut process = Process::initialised();
    process.send(&echo(1, 1));
    assert_eq!(process.next(), echo_ok(1, 1, 1));
    // A timer far away is nothing to do either.
    process.send(&request(json!({"type": "sleep", "ms": 3_600_000, "msg_id": 2})));
    process.send(&echo(3, 3));
    assert_eq!(process.next(), echo_ok(3, 2, 3));
    #[expect(clippy::disallowed_methods, reason = "idleness is measured in real time")]
    let pause = || std::thread::sleep(Duration::from_secs(1));
    // Until it sleeps.
    while usage(process.id()) != {
        pause();
        usage(process.id())
    } {}
    let before = usage(process.id());
    pause();
    assert_eq!(usage(process.id()), before);
}
