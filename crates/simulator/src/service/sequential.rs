//! The sequentially consistent store: a client may lag behind, but never goes back.

use std::collections::{BTreeMap, VecDeque};

use proto::{Json, NodeId};

use super::key_value::{Effect, KeyRequest};
use super::{Answer, PerClient};
use crate::random::Random;

/// How many past states are kept.
const STATES_KEPT: u64 = 32;

/// A request runs on any state between the one its client saw last and the newest. If that changes
/// nothing, it is the answer; otherwise the request runs again on the newest state. Unlike
/// Maelstrom, whose buffer index wraps round when a client lags by more than 32 states, such a
/// client goes on from the oldest state that is kept.
///
/// A state is a number; each key has the values that it had in the states that are kept, so that no
/// request copies more than one value.
#[derive(Clone, Debug, Default)]
pub(super) struct Sequential {
    /// For each key its values, each with the first state that has it, in ascending order.
    values: BTreeMap<Json, VecDeque<(u64, Json)>>,
    newest: u64,
    seen: PerClient<u64>,
}

impl Sequential {
    pub(super) fn handle(
        &mut self,
        client: &NodeId,
        request: KeyRequest,
        random: &mut Random,
    ) -> Answer {
        let oldest = self.oldest();
        let seen = self.seen.get(client).copied().unwrap_or(0).max(oldest);
        // Calmly nothing is old.
        let news = self.newest - seen;
        let chosen = seen + random.below_or(news + 1, news);
        let current = self.value(&request.key, chosen);
        let outcome = request.run(current);
        let changes = match &outcome {
            Ok(Effect { written: Some(value), .. }) => current != Some(value),
            _ => false,
        };
        if !changes {
            self.seen.insert(client.clone(), chosen);
            return outcome.map(|effect| effect.reply);
        }
        let outcome = request.run(self.value(&request.key, self.newest));
        self.newest += 1;
        self.seen.insert(client.clone(), self.newest);
        let Effect { reply, written } = outcome?;
        if let Some(value) = written {
            self.write(request.key, value);
        }
        Ok(reply)
    }

    /// The oldest state that is kept.
    fn oldest(&self) -> u64 {
        (self.newest + 1).saturating_sub(STATES_KEPT)
    }

    /// What a key holds in a state that is kept.
    fn value(&self, key: &Json, state: u64) -> Option<&Json> {
        let versions = self.values.get(key)?;
        versions.iter().rev().find(|(since, _)| *since <= state).map(|(_, value)| value)
    }

    /// Writes a key in the newest state, and forgets what no kept state has any more.
    fn write(&mut self, key: Json, value: Json) {
        let oldest = self.oldest();
        let versions = self.values.entry(key).or_default();
        versions.push_back((self.newest, value));
        while versions.get(1).is_some_and(|(since, _)| *since <= oldest) {
            versions.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proto::service::ServiceRequest;

    use super::*;

    /// The same store with whole states, as Maelstrom has it.
    struct Copies {
        states: Vec<BTreeMap<Json, Json>>,
        seen: BTreeMap<NodeId, usize>,
    }

    impl Copies {
        fn handle(&mut self, client: &NodeId, request: &KeyRequest, random: &mut Random) -> Answer {
            let run = |state: &mut BTreeMap<Json, Json>| {
                let effect = request.run(state.get(&request.key))?;
                if let Some(value) = effect.written {
                    state.insert(request.key.clone(), value);
                }
                Ok(effect.reply)
            };
            let newest = self.states.len() - 1;
            let oldest = self.states.len().saturating_sub(STATES_KEPT as usize);
            let seen = self.seen.get(client).copied().unwrap_or(0).max(oldest);
            let chosen = seen + random.index(newest - seen + 1);
            let mut after = self.states[chosen].clone();
            let answer = run(&mut after);
            if after == self.states[chosen] {
                self.seen.insert(client.clone(), chosen);
                return answer;
            }
            let mut after = self.states[newest].clone();
            let answer = run(&mut after);
            self.states.push(after);
            self.seen.insert(client.clone(), newest + 1);
            answer
        }
    }

    #[test]
    fn it_answers_as_a_store_that_copies_its_states() {
        let mut choices = Random::new(11, "requests");
        let (mut random, mut random_of_copies) = (Random::new(3, "x"), Random::new(3, "x"));
        let mut store = Sequential::default();
        let mut copies = Copies { states: vec![BTreeMap::new()], seen: BTreeMap::new() };
        let mut lagged = 0;
        for _ in 0..20_000 {
            let client = NodeId::new(&format!("n{}", choices.below(9)));
            let mut number = |below| Json::from(choices.below(below) as i64);
            let (key, from, to) = (number(4), number(3), number(3));
            let request = match choices.below(6) {
                0 => ServiceRequest::Write { key, value: to },
                1 => ServiceRequest::Cas { key, from, to, create_if_not_exists: false },
                2 => ServiceRequest::Cas { key, from, to, create_if_not_exists: true },
                _ => ServiceRequest::Read { key },
            };
            let request = KeyRequest::new(&request).unwrap();
            let expected = copies.handle(&client, &request, &mut random_of_copies);
            assert_eq!(store.handle(&client, request, &mut random), expected);
            lagged += usize::from(copies.seen[&client] + 1 < copies.states.len());
            assert!(store.values.values().all(|values| values.len() <= STATES_KEPT as usize + 1));
        }
        assert!(lagged > 1000, "clients lag: {lagged}");
    }
}
