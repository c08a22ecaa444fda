//! Services as a node calls them, through its context.

use std::time::Duration;

use super::ServiceRequest;
use crate::id::NodeId;
use crate::json::Json;
use crate::node::{Context, Node};

/// A client of one of the key-value services.
#[derive(Clone, Debug)]
pub struct KeyValue(NodeId);

impl KeyValue {
    /// The linearizable store.
    pub fn linearizable() -> Self {
        Self(NodeId::new("lin-kv"))
    }

    /// The sequentially consistent store: reads may lag behind writes of others.
    pub fn sequential() -> Self {
        Self(NodeId::new("seq-kv"))
    }

    /// The eventually consistent store, in which the last writer wins.
    pub fn last_writer_wins() -> Self {
        Self(NodeId::new("lww-kv"))
    }

    /// Asks for the value of `key`; the outcome comes with `token`, within `deadline`.
    pub fn read<N: Node>(
        &self,
        ctx: &mut Context<'_, N>,
        key: Json,
        deadline: Duration,
        token: N::Token,
    ) {
        ctx.call_service(&self.0, ServiceRequest::Read { key }, deadline, token);
    }

    /// Sets `key` to `value`; the outcome comes with `token`, within `deadline`.
    pub fn write<N: Node>(
        &self,
        ctx: &mut Context<'_, N>,
        key: Json,
        value: Json,
        deadline: Duration,
        token: N::Token,
    ) {
        ctx.call_service(&self.0, ServiceRequest::Write { key, value }, deadline, token);
    }

    /// Sets `key` to `to` if it is `from` (or missing, with `create_if_not_exists`); the outcome
    /// comes with `token`, within `deadline`.
    pub fn compare_and_set<N: Node>(
        &self,
        ctx: &mut Context<'_, N>,
        swap: CompareAndSet,
        deadline: Duration,
        token: N::Token,
    ) {
        let CompareAndSet { key, from, to, create_if_not_exists } = swap;
        let request = ServiceRequest::Cas { key, from, to, create_if_not_exists };
        ctx.call_service(&self.0, request, deadline, token);
    }
}

/// The arguments of a compare-and-set.
#[derive(Clone, PartialEq, Debug)]
pub struct CompareAndSet {
    /// Any JSON.
    pub key: Json,
    /// The value that the key must have.
    pub from: Json,
    /// The value that it then gets.
    pub to: Json,
    /// Whether a missing key is simply written.
    pub create_if_not_exists: bool,
}

/// A client of `lin-tso`, which gives out rising timestamps: 0, 1, 2, ...
#[derive(Clone, Debug)]
pub struct TimestampOracle(NodeId);

impl Default for TimestampOracle {
    fn default() -> Self {
        Self(NodeId::new("lin-tso"))
    }
}

impl TimestampOracle {
    /// Asks for the next timestamp; the outcome comes with `token`, within `deadline`.
    pub fn timestamp<N: Node>(
        &self,
        ctx: &mut Context<'_, N>,
        deadline: Duration,
        token: N::Token,
    ) {
        ctx.call_service(&self.0, ServiceRequest::Ts, deadline, token);
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    use super::*;
    use crate::node::Caller;
    use crate::script::Script;

    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Body {
        Swap { create: bool },
    }

    struct Swapper;

    impl Node for Swapper {
        type Body = Body;
        type Token = ();

        fn request(&mut self, _: Caller, Body::Swap { create }: Body, ctx: &mut Context<'_, Self>) {
            let (key, from, to) = ("k".into(), 1.into(), 2.into());
            let swap = CompareAndSet { key, from, to, create_if_not_exists: create };
            KeyValue::sequential().compare_and_set(ctx, swap, Duration::from_secs(1), ());
        }
    }

    #[test]
    fn a_compare_and_set_asks_the_service_for_just_that() {
        for create in [true, false] {
            let mut script = Script::new(Swapper);
            script.init("n1", &["n1"]);
            let body = json!({"type": "swap", "create": create, "msg_id": 2});
            let request = json!({"src": "c1", "dest": "n1", "body": body});
            let [line] = &script.line(&request.to_string())[..] else { panic!("one request") };
            let sent: Value = serde_json::from_str(line).unwrap();
            assert_eq!((&sent["src"], &sent["dest"]), (&json!("n1"), &json!("seq-kv")));
            let mut asked = sent["body"].clone();
            assert!(asked.as_object_mut().unwrap().remove("msg_id").is_some_and(|id| id.is_u64()));
            // What is not said is false.
            let creates = asked["create_if_not_exists"].take();
            assert_eq!(creates.as_bool().unwrap_or(false), create);
            asked.as_object_mut().unwrap().remove("create_if_not_exists");
            assert_eq!(asked, json!({"type": "cas", "key": "k", "from": 1, "to": 2}));
        }
    }
}
