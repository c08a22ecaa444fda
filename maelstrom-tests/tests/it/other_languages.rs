//! Good nodes in Python and in shell: nothing in the bench may depend on how our own are written.

use eddy::wire::{Answer, Request};
use eddy::world::World;

use crate::process_bench::{Bench, PATIENCE};

#[test]
fn a_node_in_python_echoes_and_every_message_is_counted() {
    let mut bench = Bench::of("echo.py", &[], 3);
    for round in 0..30 {
        assert!(bench.echoes(round % 3));
    }
    assert_eq!(bench.world.problems(), []);
    let statistics = bench.world.statistics();
    // Thirty echoes and three times `init`, each with an answer.
    assert_eq!(statistics.all.send_count, 2 * 33);
    assert_eq!(statistics.clients.recv_count, 2 * 33);
    assert_eq!(statistics.servers.send_count, 0);
}

#[test]
fn a_node_in_shell_makes_ids() {
    let options = crate::process_bench::options("unique_ids.sh", &[], 2);
    let mut bench = Bench::start(&options).unwrap();
    let mut ids = Vec::new();
    for round in 0..20 {
        let generate = Request::new("generate");
        let answer = bench.ask_within(PATIENCE, round % 2, &generate, "id");
        let (answer, id) = answer.expect("an answer in time");
        assert!(matches!(answer, Answer::Ok), "{answer:?}");
        ids.push(id);
    }
    for (at, id) in ids.iter().enumerate() {
        assert!(!ids[..at].contains(id), "{id:?} came twice");
    }
    assert_eq!(bench.world.problems(), []);
}
