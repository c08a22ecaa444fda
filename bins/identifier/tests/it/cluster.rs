//! A cluster in virtual time: every node cut off from all others, clocks that are set back, and
//! crashes that lose what was not synced.

use std::collections::HashSet;
use std::time::Duration;

use identifier::node::Body;
use identifier::{Identifier, Scheme};
use proto::{MessageId, NodeId, Payload};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use simulator::{Cluster, ClusterOptions, Cut};

const NODES: usize = 3;

/// Ids seen by clients. Fails on the first that was there before.
struct Ids {
    seen: HashSet<String>,
    run: String,
}

impl Ids {
    /// Lets the next event happen; false when nothing is going to happen any more.
    fn step(&mut self, cluster: &mut Cluster<Identifier>) -> bool {
        let Some(step) = cluster.step() else { return false };
        let Some(message) = step.to_client else { return true };
        if let Payload::Body(Body::GenerateOk { id }) = message.payload {
            assert!(self.seen.insert(id.clone()), "{}: {id} was given out twice", self.run);
        }
        true
    }
}

fn isolate_everybody() -> Cut {
    let mut cut = Cut::none(NODES);
    for receiver in 0..NODES {
        (0..NODES).filter(|sender| *sender != receiver).for_each(|s| cut.refuse(receiver, s));
    }
    cut
}

#[test]
fn isolated_nodes_answer_every_request_and_no_id_repeats() {
    let client = NodeId::new("c9");
    for (name, scheme) in Scheme::NAMED {
        let options = ClusterOptions::new(NODES, 1);
        let mut cluster = Cluster::new(options, move |_| Identifier::new(scheme));
        cluster.network_mut().set_cut(isolate_everybody());
        let mut ids = Ids { seen: HashSet::new(), run: name.to_owned() };
        for number in 0..900 {
            cluster.request(&client, number % NODES, MessageId(number as u64), Body::Generate);
            while ids.step(&mut cluster) {}
        }
        assert_eq!(ids.seen.len(), 900, "{name}");
        // Nobody was asked.
        assert_eq!(cluster.network().statistics().servers.send_count, 0, "{name}");
    }
}

#[test]
fn no_id_repeats_over_crashes_that_lose_what_was_not_synced() {
    let client = NodeId::new("c9");
    for seed in 0..20 {
        for (name, scheme) in Scheme::NAMED {
            let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
            let mut options = ClusterOptions::new(NODES, seed);
            options.durable = Some(Duration::from_millis(5));
            let mut cluster = Cluster::new(options, move |_| Identifier::new(scheme));
            let mut ids = Ids { seen: HashSet::new(), run: format!("{name}, seed {seed}") };
            for number in 0..1_000 {
                let node = random.random_range(0..NODES);
                match random.random_range(0..20) {
                    0 => {
                        cluster.crash(node);
                        cluster.restart(node);
                    }
                    1 => {
                        let offset_ms = random.random_range(-100_000..100_000);
                        cluster.set_wall_clock_offset(node, offset_ms);
                    }
                    _ => cluster.request(&client, node, MessageId(number), Body::Generate),
                }
                for _ in 0..random.random_range(0..4) {
                    ids.step(&mut cluster);
                }
            }
            while ids.step(&mut cluster) {}
            assert!(ids.seen.len() > 100, "{}: {} ids", ids.run, ids.seen.len());
        }
    }
}
