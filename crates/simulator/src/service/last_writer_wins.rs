//! The eventually consistent store: two replicas that merge now and then; the later write wins.

use std::collections::{BTreeMap, BTreeSet};

use proto::Json;

use super::Answer;
use super::key_value::{Effect, KeyRequest};
use crate::random::Random;

/// Each request first merges a random replica into a random one, which may be the same, and then
/// runs on a random one.
#[derive(Clone, Debug, Default)]
pub(super) struct LastWriterWins {
    replicas: [Replica; 2],
}

#[derive(Clone, Debug, Default)]
struct Replica {
    clock: u64,
    values: BTreeMap<Json, (u64, Json)>,
    /// The keys written here that the other replica has not merged yet: all that a merge can
    /// change there.
    unmerged: BTreeSet<Json>,
}

impl LastWriterWins {
    pub(super) fn handle(&mut self, request: KeyRequest, random: &mut Random) -> Answer {
        let (from, into) = (random.index(2), random.index(2));
        let [first, second] = &mut self.replicas;
        match (from, into) {
            (0, 1) => second.merge(first),
            (1, 0) => first.merge(second),
            _ => {}
        }
        self.replicas[random.index(2)].apply(request)
    }
}

impl Replica {
    fn merge(&mut self, other: &mut Self) {
        self.clock = self.clock.max(other.clock);
        for key in std::mem::take(&mut other.unmerged) {
            let Some(theirs) = other.values.get(&key) else { continue };
            let ours = self.values.get(&key);
            if ours.is_none_or(|ours| ours.0 < theirs.0) {
                self.values.insert(key, theirs.clone());
            }
        }
    }

    fn apply(&mut self, request: KeyRequest) -> Answer {
        let current = self.values.get(&request.key).map(|(_, value)| value);
        let Effect { reply, written } = request.run(current)?;
        if let Some(value) = written {
            self.unmerged.insert(request.key.clone());
            self.values.insert(request.key, (self.clock, value));
            self.clock += 1;
        }
        Ok(reply)
    }
}

#[cfg(test)]
mod tests {
    use proto::service::ServiceRequest;

    use super::*;

    /// A merge of everything, as Maelstrom has it.
    fn merge_all(replicas: &mut [Replica; 2], from: usize, into: usize) {
        let other = replicas[from].clone();
        let replica = &mut replicas[into];
        replica.clock = replica.clock.max(other.clock);
        for (key, theirs) in other.values {
            if replica.values.get(&key).is_none_or(|ours| ours.0 < theirs.0) {
                replica.values.insert(key, theirs);
            }
        }
    }

    #[test]
    fn it_answers_as_a_store_that_merges_whole_replicas() {
        let mut choices = Random::new(5, "requests");
        let (mut random, mut random_of_whole) = (Random::new(8, "x"), Random::new(8, "x"));
        let mut store = LastWriterWins::default();
        let mut whole = <[Replica; 2]>::default();
        for _ in 0..20_000 {
            let mut number = |below| Json::from(choices.below(below) as i64);
            let (key, from, to) = (number(5), number(3), number(3));
            let request = match choices.below(4) {
                0 => ServiceRequest::Write { key, value: to },
                1 => ServiceRequest::Cas { key, from, to, create_if_not_exists: false },
                _ => ServiceRequest::Read { key },
            };
            let request = KeyRequest::new(&request).unwrap();
            let (from, into) = (random_of_whole.index(2), random_of_whole.index(2));
            merge_all(&mut whole, from, into);
            let expected = whole[random_of_whole.index(2)].apply(request.clone());
            assert_eq!(store.handle(request, &mut random), expected);
        }
    }
}
