//! Everyone tells the hub, and the hub tells everyone, in rounds: the fewest messages there are.
//!
//! The hub is the first node, in the order of `init`, that a node can reach; a node that reaches none
//! before itself is its own. So when the hub is cut off or killed, the nodes that lost it agree on
//! the next one without a vote, and go back when it answers again: failed links are tried for ever.
//! During a partition there can be several hubs. A node that hears the rounds of more than one tells
//! each of them everything, and so connects what they lead. Nothing here is needed for correctness:
//! a wrong idea of who leads costs messages, and comparing notes finds what was not told.
//!
//! The hub's rounds leave at fixed times of its own clock. A leaf's batch should arrive just before
//! one of them: the earlier it comes the longer its values lie there, while later ones of the leaf
//! need another message. No clock is shared and no latency known: with each round the hub says how
//! long the leaf's last batch had waited, and the leaf sends the next one so much later, but for a
//! margin (`--leaf-margin`) for timers and messages that are late: a batch that misses its round
//! waits for the next one. What comes to the leaf within the margin after that goes with the next
//! batch, or at once (`--late-values now`) and makes the same round: then a value takes two hops and
//! at most an interval whatever the margin, which costs messages instead of time.
//!
//! Until a leaf has heard a round it supposes that the hub's clock began when its own did, and sends
//! ahead of the rounds of that clock by half of `--ack-timeout`, longer than a message takes on a
//! network for which that is right, if the interval has room for that.
//!
//! Of r values a second those of one interval i share a round: at least (n - 1) / (r i + 1) messages a
//! value from the hub to n - 1 leaves. A leaf adds less than one message a value.

use std::collections::BTreeSet;
use std::time::Duration;

use proto::Time;
use rand::rngs::Xoshiro256PlusPlus;
use rustc_hash::FxHashMap;

use super::{Form, Round, Strategy, View};
use crate::broadcast::config::{Config, LateValues};
use crate::broadcast::message::HubRound;
use crate::topology::{Cluster, Peer, Topology};
use crate::value_set::Hash;

/// With how many candidates at once a node that lost its hub compares notes.
const CANDIDATES: usize = 3;

/// To one hub, and from it to all.
#[derive(Debug)]
pub(super) struct Star {
    interval: Duration,
    margin: Duration,
    late_values: LateValues,
    /// By how long a leaf is ahead of a round whose time it can only suppose.
    lead: Duration,
    ack_delay: Duration,
    /// The hub this node believes in; itself, perhaps.
    hub: Option<Peer>,
    me: Option<Peer>,
    /// What this node knows of those it has heard of. Of no consequence is their order.
    peers: FxHashMap<Peer, State>,
    /// Those of which the last `gossip` came in a round.
    leaders: BTreeSet<Peer>,
}

/// What a node knows of another one besides its link.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// When its last round came.
    round_at: Option<Time>,
    /// When the last batch from it came that no round has answered yet: for a hub.
    batch_at: Option<Time>,
    /// When a batch should have left for it to arrive just before its round: for a leaf, whose
    /// batches leave at whole intervals from this.
    phase: Option<Time>,
}

impl Star {
    /// With the settings' interval between rounds.
    pub(super) fn new(config: &Config) -> Self {
        Self {
            interval: config.hub_interval,
            margin: config.leaf_margin,
            late_values: config.late_values,
            lead: config.ack_timeout / 2,
            ack_delay: config.ack_delay,
            hub: None,
            me: None,
            peers: FxHashMap::default(),
            leaders: BTreeSet::new(),
        }
    }

    fn is_hub(&self) -> bool {
        self.hub == self.me
    }

    /// Whether the peer has sent rounds lately, so that it wants to know what this node knows.
    fn leads(&self, peer: Peer, now: Time) -> bool {
        let round_at = self.peers.get(&peer).and_then(|state| state.round_at);
        round_at.is_some_and(|at| now.since(at) < 4 * self.interval)
    }

    /// The first time at or after `now` that lies whole intervals from `phase`.
    fn next_time(&self, phase: Time, now: Time) -> Time {
        let interval = self.interval.as_nanos() as u64;
        let (phase, now) = (phase.as_nanos() % interval, now.as_nanos());
        Time::from_nanos(now.saturating_sub(phase).div_ceil(interval) * interval + phase)
    }
}

impl Strategy for Star {
    fn arrange(&mut self, cluster: &Cluster, _: &Topology) {
        self.me = Some(cluster.me());
        self.hub = self.hub.or_else(|| cluster.all().next());
    }

    fn targets(
        &mut self,
        source: Peer,
        view: View<'_>,
        _: &mut Xoshiro256PlusPlus,
        targets: &mut Vec<Peer>,
    ) {
        if self.is_hub() {
            targets.extend(view.cluster.others().filter(|peer| *peer != source));
            return;
        }
        let others = self.leaders.iter().copied().filter(|peer| self.hub != Some(*peer));
        let leaders = others.filter(|peer| self.leads(*peer, view.now)).chain(self.hub);
        targets.extend(leaders.filter(|peer| *peer != source));
        targets.sort_unstable();
    }

    fn form(&self) -> Form {
        Form::Batch
    }

    fn departure(&mut self, peer: Peer, _: usize, now: Time) -> Time {
        if self.is_hub() {
            return self.next_time(Time::ZERO, now);
        }
        let phase = self.peers.get(&peer).and_then(|state| state.phase);
        let known = phase.map(|phase| (phase, self.margin));
        // The interval is added so that the lead can be subtracted without a sign.
        let supposed = || (Time::ZERO + self.interval.saturating_sub(self.lead), self.lead);
        let (phase, ahead) = known.unwrap_or_else(supposed);
        if self.margin >= self.interval || (known.is_none() && self.interval < 2 * self.lead) {
            return now;
        }
        let next = self.next_time(phase, now);
        let is_in_time = next.since(now) > self.interval - ahead;
        let at_once = self.late_values == LateValues::Now || known.is_none();
        if at_once && is_in_time { now } else { next }
    }

    fn ack_departure(&mut self, peer: Peer, view: View<'_>) -> Time {
        if self.is_hub() {
            return self.departure(peer, 0, view.now);
        }
        view.now + self.ack_delay
    }

    fn ack_delay_max(&self) -> Duration {
        if self.is_hub() { self.ack_delay } else { self.interval }
    }

    fn anchor(&self, _: View<'_>) -> Option<Peer> {
        self.hub.filter(|_| !self.is_hub())
    }

    fn quiet(&self) -> Duration {
        Duration::from_secs(1).max(3 * self.interval)
    }

    /// While the hub acknowledges and its rounds come there is nothing to find.
    fn patience(&self) -> Duration {
        Duration::from_secs(600)
    }

    fn links_changed(&mut self, view: View<'_>) -> Vec<Peer> {
        let me = view.cluster.me();
        let mut candidates =
            view.cluster.all().filter(|peer| *peer == me || view.is_up(*peer)).take(CANDIDATES);
        let hub = candidates.next();
        if hub == self.hub {
            return Vec::new();
        }
        self.hub = hub;
        if self.is_hub() {
            // Whatever the last hub had told some and not others.
            return view.cluster.others().filter(|peer| view.is_up(*peer)).collect();
        }
        hub.into_iter().chain(candidates.take_while(|peer| *peer < me)).collect()
    }

    fn round(&mut self, peer: Peer, sum: Hash, view: View<'_>) -> Option<HubRound> {
        let is_hub = self.is_hub();
        let batch_at = self.peers.get_mut(&peer).and_then(|state| state.batch_at.take());
        let waited = |at| u64::try_from(view.now.since(at).as_micros()).unwrap_or(u64::MAX);
        is_hub.then(|| HubRound { sum, waited_us: batch_at.map(waited) })
    }

    fn gossip_received(&mut self, peer: Peer, has_batch: bool, round: Option<Round>, now: Time) {
        let state = self.peers.entry(peer).or_default();
        state.round_at = round.map(|_| now);
        if round.is_some() {
            self.leaders.insert(peer);
        } else {
            self.leaders.remove(&peer);
        }
        match round {
            Some(Round {
                hub: HubRound { waited_us: Some(waited), .. },
                answered: Some(sent_at),
            }) => {
                // The interval is added so that the margin can be subtracted without a sign.
                let later = self.interval.saturating_sub(self.margin);
                state.phase = Some(sent_at + Duration::from_micros(waited) + later);
            }
            Some(_) => {}
            None if has_batch => state.batch_at = Some(now),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::NodeId;
    use rand::SeedableRng as _;

    use super::*;
    use crate::broadcast::links::Links;
    use crate::value_set::ValueSet;

    #[test]
    fn a_leaf_tells_its_hub_and_whoever_else_has_led_lately() {
        let ids = ["n0", "n1", "n2", "n3"].map(NodeId::new);
        let cluster = Cluster::new(&ids[3], &ids);
        let mut links = Links::default();
        links.resize(cluster.size());
        let mut star = Star::new(&Config::default());
        star.arrange(&cluster, &Topology::complete(&cluster));
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut told = |star: &mut Star, source, now| {
            let mut targets = Vec::new();
            let view = View { cluster: &cluster, links: &links, now };
            star.targets(Peer(source), view, &mut random, &mut targets);
            targets
        };
        let hub = HubRound { sum: ValueSet::default().sum(), waited_us: None };
        let round = Some(Round { hub, answered: None });
        assert_eq!(told(&mut star, 3, Time::ZERO), [Peer(0)]);
        star.gossip_received(Peer(2), true, round, Time::ZERO);
        assert_eq!(told(&mut star, 3, Time::ZERO), [Peer(0), Peer(2)]);
        assert_eq!(told(&mut star, 2, Time::ZERO), [Peer(0)], "never the source");
        assert_eq!(told(&mut star, 0, Time::ZERO), [Peer(2)]);
        let later = Time::ZERO + 4 * star.interval;
        assert_eq!(told(&mut star, 3, later), [Peer(0)], "it leads no longer");
        star.gossip_received(Peer(2), true, round, later);
        assert_eq!(told(&mut star, 3, later), [Peer(0), Peer(2)]);
        star.gossip_received(Peer(2), true, None, later);
        assert_eq!(told(&mut star, 3, later), [Peer(0)], "its last message was of a leaf");
    }
}
