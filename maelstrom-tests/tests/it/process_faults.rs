//! Faults on real processes: cut links, killed, restarted and paused nodes; services; latencies;
//! and the files that a run leaves.

use std::time::Duration;

use eddy::wire::Answer;
use eddy::world::{Fault, ProblemKind, World};
use proto::Json;
use simulator::Cut;

use crate::process_bench::{Bench, PATIENCE, echo, options};
use crate::support::TemporaryDirectory;

const SHORT: Duration = Duration::from_millis(300);

/// Has a node of `relay.py` ask another one, and says whether the answer came back.
fn relays(bench: &mut Bench, from: usize, to: usize, patience: Duration) -> bool {
    let sent = Json::from(&*format!("n{to}"));
    matches!(bench.ask_within(patience, from, &echo(sent), "echo"), Some((Answer::Ok, _)))
}

#[test]
fn a_partition_stops_messages_between_nodes_and_none_to_clients() {
    let mut bench = Bench::of("relay.py", &[], 3);
    assert!(relays(&mut bench, 0, 1, PATIENCE));
    let mut one_way = Cut::none(3);
    one_way.refuse(1, 0);
    bench.world.inject(&Fault::Partition(one_way));
    assert!(!relays(&mut bench, 0, 1, SHORT), "n1 refuses n0");
    assert!(!relays(&mut bench, 1, 0, SHORT), "the way back is cut");
    assert!(relays(&mut bench, 0, 2, PATIENCE));
    bench.world.inject(&Fault::Partition(Cut::none(3)));
    assert!(relays(&mut bench, 0, 1, PATIENCE));
    assert_eq!(bench.world.problems(), []);
}

#[test]
fn loss_and_duplication_come_and_go() {
    let mut bench = Bench::of("relay.py", &[], 2);
    bench.world.inject(&Fault::Loss(1.0));
    assert!(!relays(&mut bench, 0, 1, SHORT));
    bench.world.inject(&Fault::Loss(0.0));
    bench.world.inject(&Fault::Duplicate(1.0));
    let before = bench.world.statistics().servers;
    assert!(relays(&mut bench, 0, 1, PATIENCE));
    // The request arrives twice and is answered twice; the first answer that arrives will do.
    let after = bench.world.statistics().servers;
    assert!(after.recv_count > before.recv_count + 2, "{before:?} {after:?}");
}

#[test]
fn a_killed_node_is_silent_and_answers_after_a_restart() {
    let mut bench = Bench::of("echo.py", &[], 2);
    assert!(bench.echoes(0));
    bench.world.inject(&Fault::Kill(vec![0]));
    assert!(bench.ask_within(SHORT, 0, &echo(Json::from(1)), "echo").is_none());
    assert!(bench.echoes(1));
    bench.world.inject(&Fault::Restart);
    // It handles its new `init` first, so the answer shows that it got one.
    assert!(bench.echoes(0));
    assert_eq!(bench.world.problems(), []);
    assert!(!bench.world.interrupted());
}

/// It need not know its own name before.
#[test]
fn a_node_that_was_started_again_is_asked_when_it_has_answered_init() {
    let mut bench = Bench::of("late_name.py", &[], 1);
    bench.world.inject(&Fault::Kill(vec![0]));
    bench.world.inject(&Fault::Restart);
    assert!(bench.echoes(0));
    assert_eq!(bench.world.problems(), []);
}

#[test]
fn a_node_that_died_is_started_again_by_a_restart() {
    let mut bench = Bench::of("bad.py", &["dies"], 1);
    bench.provoke(0, ProblemKind::Died);
    assert!(bench.world.interrupted());
    bench.world.inject(&Fault::Restart);
    assert!(!bench.world.interrupted());
}

#[test]
fn a_paused_node_answers_when_it_goes_on() {
    let mut bench = Bench::of("echo.py", &[], 2);
    bench.world.inject(&Fault::Pause(vec![1]));
    let msg_id = bench.send_echo(1);
    assert!(bench.echoes(0));
    assert!(bench.world.wait(bench.world.now() + SHORT).is_none());
    bench.world.inject(&Fault::Resume);
    let reply = bench.world.wait(bench.world.now() + PATIENCE).expect("an answer");
    assert_eq!(reply.in_reply_to, Some(msg_id));
    // One that is killed while it is paused starts again like any other.
    bench.world.inject(&Fault::Pause(vec![0]));
    bench.world.inject(&Fault::Kill(vec![0]));
    bench.world.inject(&Fault::Restart);
    assert!(bench.echoes(0));
    assert_eq!(bench.world.problems(), []);
}

#[test]
fn a_node_that_does_not_answer_init_after_a_restart_is_a_problem() {
    let directory = TemporaryDirectory::new("init-once");
    let marker = directory.path().join("started");
    let marker = marker.to_str().unwrap();
    let mut bench = Bench::of("init_once.sh", &[marker], 1);
    bench.world.inject(&Fault::Kill(vec![0]));
    bench.world.inject(&Fault::Restart);
    let problem = bench.await_problem(0, ProblemKind::NoInit);
    assert!(problem.text.contains("after a restart it answered `init` with something else"));
}

#[test]
fn latency_is_added_between_nodes_and_to_services_only() {
    let mut options = options("relay.py", &[], 2);
    options.network.latency = Duration::from_millis(100);
    let mut bench = Bench::start(&options).unwrap();
    let ask = |bench: &mut Bench, whom: &str| {
        let start = bench.world.now();
        let (answer, got) = bench.ask(0, Json::from(whom));
        assert!(matches!(answer, Answer::Ok), "{answer:?}");
        (bench.world.now() - start, got)
    };
    let (time, _) = ask(&mut bench, "n1");
    assert!(time >= Duration::from_millis(200), "{time:?}");
    let (time, got) = ask(&mut bench, "lin-tso");
    assert!(time >= Duration::from_millis(200), "{time:?}");
    assert_eq!(got, Json::from(0));
    let (time, _) = ask(&mut bench, "nobody");
    assert!(time < Duration::from_millis(200), "{time:?}");
}

#[test]
fn a_run_leaves_its_messages_and_what_nodes_said() {
    let directory = TemporaryDirectory::new("run-files");
    let mut options = options("relay.py", &[], 2);
    options.directory = Some(directory.path().to_owned());
    let mut bench = Bench::start(&options).unwrap();
    assert!(relays(&mut bench, 0, 1, PATIENCE));
    bench.world.inject(&Fault::Kill(vec![1]));
    assert!(!relays(&mut bench, 0, 1, SHORT));
    bench.world.shut_down(Duration::ZERO).unwrap();

    let log = std::fs::read_to_string(directory.path().join("node-logs/n0.log")).unwrap();
    let (time, said) = log.split_once(' ').unwrap();
    assert_eq!(said, "n0 is up\n");
    assert!(time.parse::<f64>().unwrap() < 60.0, "seconds since the start: {time}");
    let journal = std::fs::read_to_string(directory.path().join("messages.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!(lines[0]["src"], "c0");
    assert_eq!(lines[0]["body"]["type"], "init");
    let statistics = bench.world.statistics().all;
    assert_eq!(of("send") as u64, statistics.send_count);
    assert_eq!(of("recv") as u64, statistics.recv_count);
    let lost: Vec<_> = lines.iter().filter(|line| line["event"] == "lost").collect();
    assert_eq!(lost.len(), 1);
    assert_eq!((&lost[0]["reason"], &lost[0]["dest"]), (&"down".into(), &"n1".into()));
    assert!(lines.is_sorted_by_key(|line| line["time"].as_u64()));
}
