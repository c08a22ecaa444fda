//! What must hold of a cluster of these nodes after every event of a simulation.
//!
//! The logic of a Byzantine node is honest, only its mouth is not ([`super::liar`]), so the properties
//! hold of all nodes alike: they are about what a node *believes*, and all of it has proofs.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use bft::Quorums;
use proto::{Insides, Invariant};

use super::node::{BftNode, Protocol};
use super::order::Order;
use super::value::Value;

/// Agreement, proofs, one value a view, and nobody who goes back.
#[derive(Debug)]
pub struct BftWatch<P> {
    /// What was decided in a slot first, and where.
    decided: BTreeMap<u64, (usize, Option<Value>)>,
    /// What was certified in a slot and view first, and where.
    certified: BTreeMap<(u64, u64), (usize, Option<Value>)>,
    seen: Vec<Seen>,
    protocol: PhantomData<P>,
}

/// What was seen of a node.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    life: u64,
    executed: u64,
    position: (u64, u64),
}

impl<P: Protocol> BftWatch<P> {
    /// For a cluster of so many nodes that have stored nothing yet.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self {
            decided: BTreeMap::new(),
            certified: BTreeMap::new(),
            seen: vec![Seen::default(); nodes],
            protocol: PhantomData,
        }
    }

    fn decisions(
        &mut self,
        index: usize,
        order: &P::Order,
        quorums: &Quorums,
    ) -> Result<(), String> {
        while let Some(value) = order.decided(self.seen[index].executed + 1) {
            self.seen[index].executed += 1;
            let slot = self.seen[index].executed;
            if !order.is_proven(slot, quorums) {
                return Err(format!("proof: nothing proves what is decided in slot {slot}"));
            }
            if value.as_ref().is_some_and(|value| !value.is_valid()) {
                return Err(format!("validity: what is decided in slot {slot} is not valid"));
            }
            let (first, before) =
                self.decided.entry(slot).or_insert_with(|| (index, value.clone()));
            if *before != value {
                return Err(format!("agreement: node {first} decided otherwise in slot {slot}"));
            }
        }
        Ok(())
    }

    fn certificates(&mut self, index: usize, order: &P::Order) -> Result<(), String> {
        for (slot, view, value) in order.certified() {
            let known = self.certified.entry((slot, view));
            let (first, before) = known.or_insert_with(|| (index, value.clone()));
            if *before != value {
                return Err(format!(
                    "one value a view: node {first} has a certificate for another value in slot \
                     {slot}, view {view}"
                ));
            }
        }
        Ok(())
    }
}

impl<P: Protocol> Invariant for BftWatch<P> {
    fn look(&mut self, cluster: &dyn Insides, index: usize) -> Result<(), String> {
        let node = cluster.node(index).downcast_ref::<BftNode<P>>();
        let Some(server) = node.and_then(BftNode::server) else { return Ok(()) };
        let (order, (_, executed)) = (server.order(), server.store());
        let life = cluster.life(index);
        if self.seen[index].life != life {
            self.seen[index] = Seen { life, ..Seen::default() };
        }
        // What it took over as a state it never decided.
        let forgotten = order.stable().map_or(0, bft::Stable::slot);
        let seen = &mut self.seen[index];
        seen.executed = seen.executed.max(forgotten.min(executed));
        if order.position() < seen.position {
            return Err(format!("it went back from {:?} to {:?}", seen.position, order.position()));
        }
        seen.position = order.position();
        self.decisions(index, order, &server.quorums())?;
        self.certificates(index, order)
    }
}
