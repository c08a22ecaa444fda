//! Partitions: which node refuses whose messages, and the kinds of cut that a nemesis makes
//! (Jepsen's, as Maelstrom uses them, and one-way cuts).

use serde::Serialize;

use crate::random::Random;

/// For each node the nodes whose messages it refuses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    nodes: usize,
    /// Row by receiver, column by sender.
    refused: Vec<bool>,
}

impl Cut {
    /// No cut: everyone hears everyone.
    pub fn none(nodes: usize) -> Self {
        Self { nodes, refused: vec![false; nodes * nodes] }
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Makes `receiver` refuse what `sender` sends.
    pub fn refuse(&mut self, receiver: usize, sender: usize) {
        if receiver != sender {
            self.refused[receiver * self.nodes + sender] = true;
        }
    }

    /// Whether `receiver` refuses what `sender` sends.
    pub fn refuses(&self, receiver: usize, sender: usize) -> bool {
        self.refused[receiver * self.nodes + sender]
    }

    /// Whether nothing is cut.
    pub fn is_none(&self) -> bool {
        !self.refused.contains(&true)
    }

    /// Cuts all links between the two sides; `side` tells who is on the first.
    pub fn halves(nodes: usize, side: impl Fn(usize) -> bool) -> Self {
        let mut cut = Self::none(nodes);
        for a in 0..nodes {
            for b in 0..nodes {
                if side(a) != side(b) {
                    cut.refuse(a, b);
                }
            }
        }
        cut
    }

    /// Each receiver that refuses anyone, with those it refuses.
    pub fn isolated(&self) -> impl Iterator<Item = (usize, Vec<usize>)> + '_ {
        (0..self.nodes).filter_map(|receiver| {
            let refused: Vec<_> =
                (0..self.nodes).filter(|sender| self.refuses(receiver, *sender)).collect();
            (!refused.is_empty()).then_some((receiver, refused))
        })
    }
}

/// The kinds of partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CutKind {
    /// One random node against the rest.
    One,
    /// Random halves: floor(n/2) nodes against the rest.
    Majority,
    /// The largest number of random nodes below n/3 against the rest.
    MinorityThird,
    /// Every node sees a majority, no two the same one.
    MajoritiesRing,
    /// The primary, where one is known, against the rest.
    Primary,
    /// One random node is not heard by the rest, but hears them; or the other way round.
    OneWay,
}

impl CutKind {
    /// The kinds that Maelstrom's `partition` draws from.
    pub const MAELSTROM: [Self; 4] =
        [Self::One, Self::Majority, Self::MinorityThird, Self::MajoritiesRing];

    /// Draws a cut of this kind. Some kinds cut nothing in small clusters.
    pub fn draw(self, nodes: usize, primary: Option<usize>, random: &mut Random) -> Cut {
        let mut order: Vec<usize> = (0..nodes).collect();
        random.shuffle(&mut order);
        let first = |count: usize| {
            let mut side = vec![false; nodes];
            order.iter().take(count).for_each(|node| side[*node] = true);
            Cut::halves(nodes, |node| side[node])
        };
        match self {
            Self::One => first(1),
            Self::Majority => first(nodes / 2),
            Self::MinorityThird => first(nodes.saturating_sub(1) / 3),
            Self::MajoritiesRing if nodes <= 5 => small_ring(&order),
            Self::MajoritiesRing => large_ring(nodes, random),
            Self::Primary => match primary {
                Some(primary) => Cut::halves(nodes, |node| node == primary),
                None => first(1),
            },
            Self::OneWay => {
                let mut cut = Cut::none(nodes);
                let Some((alone, rest)) = order.split_first() else { return cut };
                let deaf = random.chance(0.5);
                for other in rest {
                    if deaf { cut.refuse(*alone, *other) } else { cut.refuse(*other, *alone) }
                }
                cut
            }
        }
    }
}

/// Up to five nodes in a random ring: each hears the window of a majority round itself.
fn small_ring(order: &[usize]) -> Cut {
    let nodes = order.len();
    let mut cut = Cut::none(nodes);
    let majority = nodes / 2 + 1;
    for start in 0..nodes {
        let window: Vec<usize> =
            (0..majority).map(|offset| order[(start + offset) % nodes]).collect();
        let middle = window[majority / 2];
        for sender in order.iter().filter(|sender| !window.contains(sender)) {
            cut.refuse(middle, *sender);
        }
    }
    cut
}

/// More than five nodes: links are added between the least linked until each has a majority.
fn large_ring(nodes: usize, random: &mut Random) -> Cut {
    let majority = nodes / 2 + 1;
    let mut linked = vec![false; nodes * nodes];
    let mut degree = vec![1; nodes];
    (0..nodes).for_each(|node| linked[node * nodes + node] = true);
    while degree.iter().any(|degree| *degree < majority) {
        let mut candidates: Vec<usize> = (0..nodes).collect();
        random.shuffle(&mut candidates);
        candidates.sort_by_key(|node| degree[*node]);
        let a = candidates[0];
        let Some(b) = candidates.into_iter().find(|b| !linked[a * nodes + b]) else { break };
        (linked[a * nodes + b], linked[b * nodes + a]) = (true, true);
        degree[a] += 1;
        degree[b] += 1;
    }
    let mut cut = Cut::none(nodes);
    for a in 0..nodes {
        (0..nodes).filter(|b| !linked[a * nodes + b]).for_each(|b| cut.refuse(a, b));
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(cut: &Cut, receiver: usize) -> usize {
        (0..cut.nodes()).filter(|sender| !cut.refuses(receiver, *sender)).count()
    }

    #[test]
    fn halves_are_symmetric_and_of_the_size_maelstrom_gives_them() {
        for (kind, nodes, smaller) in [
            (CutKind::One, 5, 1),
            (CutKind::Majority, 5, 2),
            (CutKind::Majority, 4, 2),
            (CutKind::MinorityThird, 5, 1),
            (CutKind::MinorityThird, 7, 2),
            (CutKind::MinorityThird, 3, 0),
        ] {
            let cut = kind.draw(nodes, None, &mut Random::new(5, "test"));
            let mut sides: Vec<_> = (0..nodes).map(|node| heard(&cut, node)).collect();
            sides.sort_unstable();
            let expected = if smaller == 0 { nodes } else { smaller };
            assert_eq!(sides[0], expected, "{kind:?} {nodes}");
            for a in 0..nodes {
                for b in 0..nodes {
                    assert_eq!(cut.refuses(a, b), cut.refuses(b, a));
                }
            }
        }
    }

    #[test]
    fn who_refuses_whom_is_told_of_those_who_refuse_anybody() {
        let mut cut = Cut::halves(4, |node| node == 2);
        let told = |cut: &Cut| cut.isolated().collect::<Vec<_>>();
        let all = [(0, vec![2]), (1, vec![2]), (2, vec![0, 1, 3]), (3, vec![2])];
        assert_eq!(told(&cut), all);
        cut = Cut::none(4);
        assert_eq!(told(&cut), []);
        cut.refuse(1, 3);
        assert_eq!(told(&cut), [(1, vec![3])]);
    }

    #[test]
    fn in_a_ring_every_node_hears_a_majority_and_no_two_the_same() {
        for nodes in [3, 4, 5, 6, 9, 25] {
            let cut = CutKind::MajoritiesRing.draw(nodes, None, &mut Random::new(9, "test"));
            let mut seen = Vec::new();
            for receiver in 0..nodes {
                assert!(heard(&cut, receiver) > nodes / 2, "{nodes} nodes");
                let who: Vec<_> = (0..nodes).map(|sender| cut.refuses(receiver, sender)).collect();
                if nodes <= 5 {
                    assert!(!seen.contains(&who), "{nodes} nodes");
                }
                seen.push(who);
            }
            assert_eq!(cut.nodes(), nodes);
            // Most hear no more than they need: of several nodes that is a majority.
            let most = (0..nodes).map(|receiver| heard(&cut, receiver)).max();
            assert!(!cut.is_none() && most <= Some(nodes / 2 + 2), "{nodes} nodes: {most:?}");
        }
    }

    #[test]
    fn three_nodes_make_a_one_way_ring() {
        let cut = CutKind::MajoritiesRing.draw(3, None, &mut Random::new(1, "test"));
        for node in 0..3 {
            assert_eq!(heard(&cut, node), 2);
            let refused = (0..3).find(|sender| cut.refuses(node, *sender)).unwrap();
            assert!(!cut.refuses(refused, node), "the other direction is open");
        }
    }

    #[test]
    fn one_way_cuts_leave_the_other_direction_open() {
        let cut = CutKind::OneWay.draw(5, None, &mut Random::new(1, "test"));
        let refused: Vec<_> =
            (0..25).map(|at| (at / 5, at % 5)).filter(|(a, b)| cut.refuses(*a, *b)).collect();
        assert_eq!(refused.len(), 4);
        assert!(refused.iter().all(|(a, b)| !cut.refuses(*b, *a)));
    }

    #[test]
    fn the_primary_is_cut_off_where_it_is_known() {
        let cut = CutKind::Primary.draw(5, Some(3), &mut Random::new(1, "test"));
        assert_eq!(heard(&cut, 3), 1);
        assert_eq!(heard(&cut, 0), 4);
        let cut = CutKind::Primary.draw(5, None, &mut Random::new(1, "test"));
        assert_eq!((0..5).filter(|node| heard(&cut, *node) == 1).count(), 1, "any one");
    }
}
