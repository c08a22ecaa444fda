//! What is decided is executed, slot by slot, and now and then the state is kept with its proof.

use std::time::Duration;

use bft::{Digest, Stable};

use super::{Effect, Kept, Open, Peer, STATE, Server, SharedState};
use crate::bft_store::order::{Keep, Order, slot_key};
use crate::bft_store::value::{Change, Value};
use crate::peer;

impl<O: Order> Server<O> {
    /// Takes the state of a stable checkpoint over, if it is later than this node's.
    pub(super) fn install(&mut self, mut stable: Stable, state: SharedState) {
        let mut checking = self.keys.checking();
        stable.each_signed(&mut checking);
        let is_right = checking.are_right()
            && stable.is_proven(&self.quorums)
            && stable.digest() == Some(digest(&state));
        if !is_right || stable.slot() <= self.executed {
            return;
        }
        self.executed = stable.slot();
        self.store.restore(state.0.clone());
        self.snapshots.insert(stable.slot(), state);
        self.order.install(stable);
    }

    /// Lets everything happen that follows from what has happened.
    pub(super) fn settle(&mut self, now: Duration) {
        loop {
            self.order.offer(&mut self.pending);
            let said = self.order.take(now);
            let is_over = said.is_empty();
            if self.is_durable {
                self.effects.extend(said.keep.into_iter().map(Effect::Keep));
            }
            let mut own = Vec::new();
            for mut message in said.messages {
                O::each_signed(&mut message, &mut self.keys.signing());
                own.push(message.clone());
                self.send_to_all(Peer::Agreement { message });
            }
            // What it says to itself arrives at once, before anybody else hears it.
            own.into_iter().for_each(|message| self.order.step(message));
            let has_executed = self.execute(now);
            if is_over && !has_executed {
                break;
            }
        }
        self.store_state();
        // Nobody may hear what is not stored.
        self.effects.sort_by_key(|effect| !matches!(effect, Effect::Keep(_)));
    }

    /// Executes what is decided, slot by slot. True if that was anything.
    fn execute(&mut self, now: Duration) -> bool {
        let before = self.executed;
        while let Some(value) = self.order.decided(self.executed + 1) {
            self.executed += 1;
            for request in value.iter().flat_map(Value::requests) {
                self.apply(request.statement());
            }
            if self.executed.is_multiple_of(self.checkpoint_every) {
                let state = peer::SharedState(self.store.snapshot());
                self.order.checkpoint(self.executed, digest(&state));
                self.snapshots.insert(self.executed, state);
            }
        }
        if self.executed > before {
            self.last_news = now;
        }
        self.executed > before
    }

    fn apply(&mut self, change: &Change) {
        let (command, id) = (change.command(), change.id());
        let mut answer = self.store.apply(command);
        let is_own = id.origin == *self.members.own_name() && id.session == self.session;
        let open = if is_own { self.open.remove(&id.sequence) } else { None };
        if let Some(Open { caller, read, .. }) = open {
            if let Some(read) = read {
                answer = Some(self.store.read(&read));
            }
            if let Some(answer) = answer {
                self.effects.push(Effect::Reply(caller, Ok(answer)));
            }
        }
        self.pending.executed(&id, command.settled);
    }

    /// Stores the state of the last stable checkpoint, and drops what led there.
    fn store_state(&mut self) {
        let Some(stable) = self.order.stable() else { return };
        let slot = stable.slot();
        let Some(state) = self.snapshots.get(&slot).filter(|_| slot > self.stored) else { return };
        self.stored = slot;
        if self.is_durable {
            let kept = Kept { stable: stable.clone(), state: state.clone() };
            self.effects.push(Effect::Keep(Keep::put(STATE.to_vec(), &kept)));
            for prefix in O::SLOT_RECORDS {
                let (first, end) = (slot_key(prefix, 0), slot_key(prefix, slot + 1));
                self.effects.push(Effect::Keep(Keep::Delete(first, end)));
            }
        }
        self.snapshots = self.snapshots.split_off(&slot);
    }
}

/// The hash that stands for a state.
fn digest(state: &SharedState) -> Digest {
    // Maps with sorted keys: the same state is the same text everywhere.
    Digest(*blake3::hash(&serde_json::to_vec(state).unwrap_or_default()).as_bytes())
}
