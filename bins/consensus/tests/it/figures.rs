//! The figures that the README publishes hold: two round trips and 5 ms
//! through a follower, one and 5 ms at the leader, at most six messages an
//! operation at rate 100 and fewer as the rate grows.

use std::time::Duration;

use simulator::Cut;

use self::load::{LATENCY, Load, NODES};

/// The benchmark's own.
#[path = "../../benches/consensus/load.rs"]
mod load;

#[test]
fn latencies_and_messages_stay_within_their_limits() {
    let round_trip_ms = LATENCY.as_secs_f64() * 2e3;
    let mut messages = 6.0;
    for rate in [100, 1000] {
        let report = Load::new(rate, Duration::from_secs(10)).run(|_, _| {});
        assert!(report.availability() > 0.9999);
        for is_read in [true, false] {
            assert!(report.median_ms(is_read, true) <= round_trip_ms + 5.0);
            assert!(report.median_ms(is_read, false) <= 2.0 * round_trip_ms + 5.0);
        }
        assert!(report.messages_per_operation <= messages, "rate {rate}: {report:?}");
        messages = report.messages_per_operation;
    }
}

#[test]
fn the_majority_serves_again_within_two_seconds_of_a_cut() {
    // Every pair of nodes is the minority once, the leader's among them.
    let pairs: Vec<_> = (0..NODES).flat_map(|a| (0..a).map(move |b| (a, b))).collect();
    for (a, b) in pairs {
        let report = Load::new(50, Duration::from_secs(6)).run(|second, cluster| {
            if second == 2 {
                let cut = Cut::halves(NODES, |node| node == a || node == b);
                cluster.network_mut().set_cut(cut);
            }
        });
        assert!(report.longest_gap < Duration::from_secs(2), "{a} {b}: {:?}", report.longest_gap);
        assert!(report.availability() > 0.6, "{a} {b}: {}", report.availability());
    }
}
