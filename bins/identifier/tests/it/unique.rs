//! No id is given out twice: random histories of nodes, clocks and restarts, in virtual time.

use std::collections::HashSet;

use identifier::{Identifier, Scheme};
use proto::{Records, Script};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// One node over all its lives.
struct Machine {
    name: String,
    script: Script<Identifier>,
    requests: u64,
}

impl Machine {
    fn start(name: &str, scheme: Scheme, seed: u64, records: Option<Records>) -> Self {
        let mut script = Script::with_records(Identifier::new(scheme), seed, records);
        script.init(name, &[name]);
        Self { name: name.to_owned(), script, requests: 0 }
    }

    fn generate(&mut self) -> String {
        self.requests += 1;
        let (name, number) = (&self.name, self.requests);
        let request = serde_json::json!({
            "src": "c1", "dest": name, "body": {"type": "generate", "msg_id": number}
        });
        let replies = self.script.line(&request.to_string());
        let reply: serde_json::Value = serde_json::from_str(&replies.concat()).unwrap();
        assert_eq!(reply["body"]["in_reply_to"], number);
        reply["body"]["id"].as_str().unwrap().to_owned()
    }
}

/// The next reading of a clock that may do anything: stand still, run, leap, go back.
fn next_reading(clock_ms: u64, random: &mut Xoshiro256PlusPlus) -> u64 {
    match random.random_range(0..100) {
        0..60 => clock_ms,
        60..80 => clock_ms.saturating_add(1),
        80..90 => clock_ms.saturating_add(random.random_range(0..100_000)),
        90..97 => clock_ms.saturating_sub(random.random_range(0..100_000)),
        97 => 0,
        98 => u64::MAX,
        _ => random.random(),
    }
}

/// Lets nodes give out ids under clocks that do anything, restarting them with what they have
/// persisted if `restarts` is true. Fails on the first id that was there before.
fn check_unique(scheme: Scheme, restarts: bool, seed: u64) {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut seen = HashSet::new();
    // Names in which the parts of an id could be lost.
    let names = ["n1", "n2", "n1-1", "n1-1-1", "", "-", "0"];
    let durable = restarts.then(Records::new);
    let start = |name: &str, life: u64, records| Machine::start(name, scheme, life, records);
    let mut machines = names.map(|name| start(name, random.random(), durable.clone()));
    let mut clock_ms = 1_704_067_200_000;
    for _ in 0..random.random_range(100..600) {
        let machine = &mut machines[random.random_range(0..names.len())];
        if restarts && random.random_ratio(1, 20) {
            let records = machine.script.records().clone();
            *machine = start(&machine.name, random.random(), Some(records));
        }
        // Now and then enough to use up a sequence.
        let count = if random.random_ratio(1, 300) { 5_000 } else { random.random_range(1..4) };
        for _ in 0..count {
            machine.script.set_wall_clock_ms(clock_ms);
            let id = machine.generate();
            assert!(seen.insert(id.clone()), "seed {seed}: {id} was given out twice");
            clock_ms = next_reading(clock_ms, &mut random);
        }
    }
}

#[test]
fn no_id_repeats_over_nodes_under_any_clock() {
    for seed in 0..10 {
        for (_, scheme) in Scheme::NAMED {
            check_unique(scheme, false, seed);
        }
    }
}

#[test]
fn no_id_repeats_over_restarts_with_a_state_directory() {
    for seed in 100..110 {
        for (_, scheme) in Scheme::NAMED {
            check_unique(scheme, true, seed);
        }
    }
}

#[test]
fn random_ids_need_no_state_directory() {
    let mut seen = HashSet::new();
    for life in 0..50 {
        let mut machine = Machine::start("n1", Scheme::Random, life, None);
        for _ in 0..20 {
            assert!(seen.insert(machine.generate()));
        }
    }
}

/// The tests above must be able to fail: without its records a counter repeats itself.
#[test]
fn a_counter_without_a_state_directory_begins_anew() {
    let ids = [0, 1].map(|life| Machine::start("n1", Scheme::Counter, life, None).generate());
    assert_eq!(ids, ["n1-0", "n1-0"]);
}

#[test]
fn a_timestamp_without_a_state_directory_repeats_when_the_clock_is_set_back_over_a_restart() {
    let ids = [0, 1].map(|life| {
        let mut machine = Machine::start("n1", Scheme::Timestamp, life, None);
        machine.script.set_wall_clock_ms(1_704_067_200_000);
        machine.generate()
    });
    assert_eq!(ids, ["n1-1704067200000-0", "n1-1704067200000-0"]);
}

#[test]
fn a_restarted_counter_goes_on_after_the_reserved_block() {
    let mut first = Machine::start("n1", Scheme::Counter, 0, Some(Records::new()));
    let ids = [first.generate(), first.generate()];
    let records = first.script.records().clone();
    let third = Machine::start("n1", Scheme::Counter, 1, Some(records)).generate();
    assert_eq!([&ids[0], &ids[1], &third], ["n1-0", "n1-1", "n1-10000"]);
}

#[test]
fn with_an_unreadable_record_no_id_is_given_out() {
    for (scheme, key) in [(Scheme::Counter, "counter"), (Scheme::Timestamp, "timestamp")] {
        let records = Records::from([(key.into(), b"seven".to_vec())]);
        let mut script = Script::with_records(Identifier::new(scheme), 0, Some(records));
        script.init("n1", &["n1"]);
        let request = r#"{"src":"c1","dest":"n1","body":{"type":"generate","msg_id":2}}"#;
        let text = format!(
            "the record `{key}` of an earlier life is unreadable: restore the directory of this \
             node in the state directory, or remove it to start empty"
        );
        let expected = format!(
            r#"{{"src":"n1","dest":"c1","body":{{"type":"error","code":14,"text":"{text}","in_reply_to":2,"msg_id":1}}}}"#
        );
        assert_eq!(script.line(request), [expected]);
        assert_eq!(script.logs(), [format!("no ids can be given out: {text}")]);
    }
}
