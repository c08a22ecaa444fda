//! What a node keeps is bounded by the state and the compaction threshold, not
//! by how much has happened.

use std::time::Duration;

use bench::lab::Lab;
use bench::lab::registers::{draw_operation, request};
use consensus::{ConsensusNode, Settings};
use simulator::{ClusterOptions, Cut, NetworkOptions, Random};

const NODES: usize = 3;
const CLIENTS: usize = 60;
const OPERATIONS: u64 = 200_000;
const KEYS: u64 = 100;

#[test]
fn two_hundred_thousand_operations_leave_nothing_behind() {
    let mut options = ClusterOptions::new(NODES, 5);
    let latency = Duration::from_millis(1);
    options.network = NetworkOptions { latency, duplicate: 0.01, ..NetworkOptions::default() };
    let settings = Settings::default();
    let of_nodes = settings.clone();
    let make = move |_| ConsensusNode::new(of_nodes.clone());
    let mut lab = Lab::new(options, make, CLIENTS, Duration::from_secs(5));
    let mut random = Random::new(5, "bounds");
    let (mut begun, mut done) = (0, 0);
    let mut longest_log = 0;
    while done < OPERATIONS {
        for client in 0..CLIENTS {
            if !lab.is_busy(client) && begun < OPERATIONS {
                begun += 1;
                let operation = draw_operation(random.below(KEYS), &mut random);
                lab.submit(client, client % NODES, &request(&operation));
            }
        }
        let (node, completion) = lab.step();
        done += u64::from(completion.is_some());
        if let Some(replica) = node.and_then(|node| lab.cluster().node(node).replica()) {
            let log = replica.raft().log();
            longest_log = longest_log.max(log.last_index().0 + 1 - log.first_index().0);
            assert!(replica.store.len() <= KEYS as usize);
            // Answers are remembered for requests that may still be asked about.
            assert!(replica.store.remembered() <= 2 * CLIENTS * NODES);
        }
        // A node is away for a while, and comes back by a snapshot.
        match done {
            50_000 => lab.cluster().network_mut().set_cut(Cut::halves(NODES, |node| node == 2)),
            100_000 => lab.cluster().network_mut().set_cut(Cut::none(NODES)),
            _ => {}
        }
    }
    // The threshold, what is kept for slow followers, and one batch.
    let limit = settings.compact_after + settings.compact_after / 2 + 512;
    assert!(longest_log <= limit, "{longest_log} entries");
}
