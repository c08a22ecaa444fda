//! What counters share: `add` and `read`.

use std::fmt::Debug;
use std::marker::PhantomData;

use proto::{Caller, Context, Error};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::node::{ReplicaNode, Serves};
use super::replica::{Replica, ReplicaName, State};

/// A state that counts.
pub trait Count: State {
    /// What it comes to.
    type Value: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + 'static;

    /// Counts in the name of this replica; what has changed.
    ///
    /// # Errors
    /// Why the replica cannot count that.
    fn count(&mut self, name: &ReplicaName, delta: i64) -> Result<Self, String>;

    /// What all have counted, as far as this replica knows.
    fn value(&self) -> Self::Value;
}

/// The messages of a counter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body<V> {
    /// Counts.
    Add {
        /// How much; negative to count down.
        delta: i64,
    },
    /// Answer to `add`.
    AddOk,
    /// Asks for the sum.
    Read,
    /// Answer to `read`.
    ReadOk {
        /// What this node knows of.
        value: V,
    },
}

/// A counter, served.
#[derive(Debug)]
pub struct Counter<C>(PhantomData<C>);

impl<C> Default for Counter<C> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// The node.
pub type CounterNode<C> = ReplicaNode<Counter<C>>;

impl<C: Count> Serves for Counter<C> {
    type State = C;
    type Message = Body<C::Value>;

    fn serve(
        &mut self,
        replica: &mut Replica<C>,
        _: &Caller,
        body: Body<C::Value>,
        ctx: &mut Context<'_, CounterNode<C>>,
    ) -> Result<Option<Body<C::Value>>, Error> {
        match body {
            Body::Add { delta } => {
                let change = replica.state().clone().count(replica.name(), delta);
                let change = change
                    .map_err(|why| Error::malformed_request(format!("field `delta`: {why}")))?;
                replica.update(change, ctx);
                Ok(Some(Body::AddOk))
            }
            Body::Read => Ok(Some(Body::ReadOk { value: replica.state().value() })),
            Body::AddOk | Body::ReadOk { .. } => Ok(None),
        }
    }
}
