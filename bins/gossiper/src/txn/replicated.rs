//! A node that runs transactions at once, on its replica of the store.

use std::fmt::Debug;
use std::marker::PhantomData;

use proto::txn::Micro;
use proto::{Caller, Context, Error};

use super::{Body, Clock, Function, Store};
use crate::crdt::node::{ReplicaNode, Serves};
use crate::crdt::replica::{Replica, Step};

/// What a transaction may see of another one, and when.
pub trait Isolation: Debug + Sized + 'static {
    /// Runs a transaction of this time: fills in what it reads, and keeps what it writes.
    fn run(
        replica: &mut Replica<Store>,
        time: u64,
        txn: &mut [Micro<Function>],
        ctx: &mut Context<'_, TxnNode<Self>>,
    );
}

/// Transactions, served.
#[derive(Debug)]
pub struct Served<I> {
    clock: Clock,
    isolation: PhantomData<I>,
}

impl<I> Default for Served<I> {
    fn default() -> Self {
        Self { clock: Clock::default(), isolation: PhantomData }
    }
}

/// The node.
pub type TxnNode<I> = ReplicaNode<Served<I>>;

impl<I: Isolation> Serves for Served<I> {
    type State = Store;
    type Message = Body;

    fn restored(&mut self, store: &Store) {
        self.clock.see(store);
    }

    fn heard(&mut self, step: &Step<Store>) {
        self.clock.see_step(step);
    }

    fn serve(
        &mut self,
        replica: &mut Replica<Store>,
        _: &Caller,
        body: Body,
        ctx: &mut Context<'_, TxnNode<I>>,
    ) -> Result<Option<Body>, Error> {
        let Body::Txn { mut txn } = body else { return Ok(None) };
        I::run(replica, self.clock.tick(), &mut txn, ctx);
        Ok(Some(Body::TxnOk { txn }))
    }
}
