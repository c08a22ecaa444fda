//! Which faults bit: for each kind of fault how often it was on, and what it did to messages, nodes
//! and operations meanwhile.
//!
//! What happens while two faults are on is put to the account of both, since nobody can say which of
//! them it was; only the fates of messages are each caused by one kind. A fault that did nothing
//! that it is there for has tested nothing, and the run says so.

use serde::{Deserialize, Serialize};
use simulator::Statistics;

use crate::fault::Effect;
use crate::options::FaultKind;

/// What one kind of fault came to in a run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bite {
    /// Which kind.
    pub fault: FaultKind,
    /// How often it was on.
    pub times: u64,
    /// What it did of what it is there for: messages that a cut kept out, that were lost at random,
    /// or that arrived twice; nodes that were killed or stopped; members that were removed or added
    /// back; operations under way while clocks were wrong or nodes lied.
    pub hits: u64,
    /// Messages lost meanwhile because their receiver was down.
    pub lost_at_dead_nodes: u64,
    /// Operations that were under way at some time while it was on.
    pub operations: u64,
    /// How often another node led than before, where that is known.
    pub leader_changes: u64,
    /// What it did, in a few words.
    pub text: String,
}

impl Bite {
    fn say(&self) -> String {
        let what = match self.fault.effect() {
            Effect::Cuts => "messages cut off",
            Effect::Kills => "nodes killed",
            Effect::Stops => "nodes stopped",
            Effect::Loses => "messages lost",
            Effect::Doubles => "messages doubled",
            Effect::ChangesMembers => "members removed or added",
            Effect::Misleads(why) => &format!("operations {why}"),
        };
        let mut text = format!("{} {what}", self.hits);
        if self.lost_at_dead_nodes > 0 {
            text += &format!(", {} messages to dead nodes", self.lost_at_dead_nodes);
        }
        if self.leader_changes > 0 {
            text += &format!(", {} changes of leader", self.leader_changes);
        }
        text
    }

    /// What a reader should know if it has tested nothing.
    pub fn warning(&self) -> Option<String> {
        let name = self.fault.as_str();
        if self.times == 0 {
            return Some(format!("the fault `{name}` never began: nothing is known about it"));
        }
        if self.hits == 0 {
            return Some(format!(
                "the fault `{name}` hit nothing ({}): the verdict says nothing about it",
                self.text
            ));
        }
        (self.operations == 0).then(|| {
            format!(
                "no operation was under way while `{name}` was on: the run says little about it"
            )
        })
    }
}

/// What counts of a run at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    /// What the network counted.
    pub(crate) statistics: Statistics,
    /// Members removed and added back.
    pub(crate) members_changed: u64,
}

/// Keeps the account while a run goes on.
#[derive(Debug)]
pub(crate) struct Account {
    bites: Vec<Bite>,
    /// The faults that are on, by their place in `bites`, and what had been counted when they began.
    on: Vec<(usize, Reading)>,
    leader: Option<usize>,
}

impl Account {
    /// For faults of these kinds.
    pub(crate) fn new(kinds: &[FaultKind]) -> Self {
        let bite = |&fault| Bite {
            fault,
            times: 0,
            hits: 0,
            lost_at_dead_nodes: 0,
            operations: 0,
            leader_changes: 0,
            text: String::new(),
        };
        Self { bites: kinds.iter().map(bite).collect(), on: Vec::new(), leader: None }
    }

    /// A fault begins, with so many operations under way; it kills or stops so many nodes.
    pub(crate) fn begin(&mut self, kind: FaultKind, nodes: u64, operations: u64, now: Reading) {
        let Some(place) = self.bites.iter().position(|bite| bite.fault == kind) else { return };
        let bite = &mut self.bites[place];
        bite.times += 1;
        bite.operations += operations;
        bite.hits += match kind.effect() {
            Effect::Kills | Effect::Stops => nodes,
            Effect::Misleads(_) => operations,
            _ => 0,
        };
        self.on.push((place, now));
    }

    /// A fault ends.
    pub(crate) fn end(&mut self, kind: FaultKind, now: Reading) {
        let Some(at) = self.on.iter().position(|(place, _)| self.bites[*place].fault == kind)
        else {
            return;
        };
        let (place, then) = self.on.swap_remove(at);
        let bite = &mut self.bites[place];
        let (lost, before) = (now.statistics.lost, then.statistics.lost);
        bite.hits += match kind.effect() {
            Effect::Cuts => lost.cut - before.cut,
            Effect::Loses => lost.at_random - before.at_random,
            Effect::Doubles => now.statistics.doubled - then.statistics.doubled,
            Effect::ChangesMembers => now.members_changed - then.members_changed,
            _ => 0,
        };
        if kind.kills() {
            bite.lost_at_dead_nodes += lost.receiver_down - before.receiver_down;
        }
    }

    /// An operation begins.
    pub(crate) fn operation(&mut self) {
        for (place, _) in &self.on {
            let bite = &mut self.bites[*place];
            bite.operations += 1;
            bite.hits += u64::from(matches!(bite.fault.effect(), Effect::Misleads(_)));
        }
    }

    /// Looks who leads now, if there are faults and it is known.
    pub(crate) fn leader(&mut self, look: impl FnOnce() -> Option<usize>) {
        if self.bites.is_empty() {
            return;
        }
        let Some(leader) = look() else { return };
        if self.leader.replace(leader).is_some_and(|before| before != leader) {
            for (place, _) in &self.on {
                self.bites[*place].leader_changes += 1;
            }
        }
    }

    /// Ends the account: what is still on ends now.
    pub(crate) fn close(&mut self, now: Reading) -> Vec<Bite> {
        while let Some((place, _)) = self.on.first() {
            let kind = self.bites[*place].fault;
            self.end(kind, now);
        }
        let mut bites = std::mem::take(&mut self.bites);
        bites.iter_mut().for_each(|bite| bite.text = bite.say());
        bites
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(cut: u64, doubled: u64, dead: u64, members_changed: u64) -> Reading {
        let mut statistics = Statistics::default();
        statistics.lost.cut = cut;
        statistics.lost.receiver_down = dead;
        statistics.doubled = doubled;
        Reading { statistics, members_changed }
    }

    #[test]
    fn each_kind_answers_for_what_it_does() {
        use FaultKind::{Duplicate, Kill, Loss, Membership, Partition};
        let mut account = Account::new(&[Partition, Kill, Loss, Duplicate, Membership]);
        account.leader(|| Some(0));
        account.begin(Partition, 0, 2, reading(5, 0, 0, 0));
        account.begin(Kill, 2, 3, reading(7, 0, 1, 0));
        account.operation();
        account.leader(|| Some(1));
        account.leader(|| None);
        account.leader(|| Some(1));
        account.end(Partition, reading(9, 0, 3, 0));
        account.end(Kill, reading(9, 1, 4, 0));
        account.begin(Membership, 0, 0, reading(9, 1, 4, 1));
        let bites = account.close(reading(9, 1, 4, 3));
        let told: Vec<_> = bites
            .iter()
            .map(|bite| (bite.times, bite.hits, bite.operations, bite.leader_changes))
            .collect();
        assert_eq!(told, [(1, 4, 3, 1), (1, 2, 4, 1), (0, 0, 0, 0), (0, 0, 0, 0), (1, 2, 0, 0)]);
        assert_eq!(bites[1].lost_at_dead_nodes, 3);
        let warned: Vec<_> = bites.iter().map(|bite| bite.warning().is_some()).collect();
        assert_eq!(warned, [false, false, true, true, true]);
    }

    #[test]
    fn a_cut_that_kept_nothing_out_is_told() {
        let mut account = Account::new(&[FaultKind::Partition]);
        account.begin(FaultKind::Partition, 0, 4, reading(5, 0, 0, 0));
        let bites = account.close(reading(5, 3, 3, 3));
        let warning = bites[0].warning().unwrap_or_default();
        assert!(warning.contains("`partition` hit nothing (0 messages cut off)"), "{warning}");
    }
}
