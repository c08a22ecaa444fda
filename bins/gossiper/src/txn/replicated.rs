//! A node that runs transactions at once, on its replica of the store.

use std::fmt::Debug;
use std::marker::PhantomData;

use proto::{Arguments, Caller, Context, Node, Records, UsageError};

use super::{Body, Clock, Micro, Store};
use crate::crdt::replica::{Replica, Replicated, Settings, Step};

/// What a transaction may see of another one, and when.
pub trait Isolation: Debug + Sized + 'static {
    /// Runs a transaction of this time: fills in what it reads, and keeps what it writes.
    fn run(
        replica: &mut Replica<Store>,
        time: u64,
        txn: &mut [Micro],
        ctx: &mut Context<'_, TxnNode<Self>>,
    );
}

/// The node.
#[derive(Debug)]
pub struct TxnNode<I> {
    replica: Replica<Store>,
    clock: Clock,
    isolation: PhantomData<I>,
}

impl<I: Isolation> TxnNode<I> {
    /// A node of these arguments.
    ///
    /// # Errors
    /// If they are wrong.
    pub fn from_arguments(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let replica = Replica::new(Settings::parse(arguments)?);
        Ok(Self { replica, clock: Clock::default(), isolation: PhantomData })
    }

    /// The replica.
    pub fn replica(&self) -> &Replica<Store> {
        &self.replica
    }
}

impl<I: Isolation> Replicated for TxnNode<I> {
    type State = Store;

    fn message(step: Step<Self::State>) -> Body {
        Body::Replicate { step }
    }
}

impl<I: Isolation> Node for TxnNode<I> {
    type Body = Body;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        self.replica.init(&restored, ctx);
        self.clock.see(self.replica.state());
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if let Some(error) = self.replica.refusal() {
            ctx.reply_error(&from, error.clone());
            return;
        }
        match body {
            Body::Txn { mut txn } => {
                I::run(&mut self.replica, self.clock.tick(), &mut txn, ctx);
                ctx.reply(&from, Body::TxnOk { txn });
            }
            Body::Replicate { step } => {
                self.clock.see_step(&step);
                self.replica.receive(&from, step, ctx);
            }
            // A reply: it never comes as a request.
            Body::TxnOk { .. } => {}
        }
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        self.replica.timer(ctx);
    }
}
