//! A broadcast that tells every node each value once and never again: what a partition swallows is
//! gone.

use corpus::bodies::SetBody;
use eddy::options::FaultKind;
use eddy::workload::registry::named;
use proto::{Caller, Context, Json, Node, NodeId};
use serde::{Deserialize, Serialize};

use super::{Bug, runs};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tell {
    message: Json,
}

type Body = SetBody<Tell>;

#[derive(Default)]
struct FireAndForget {
    values: Vec<Json>,
}

impl Node for FireAndForget {
    type Body = Body;
    type Token = ();

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Topology => ctx.reply(&from, Body::TopologyOk),
            Body::Read => ctx.reply(&from, Body::ReadOk { messages: self.values.clone() }),
            Body::Broadcast { message } => {
                ctx.reply(&from, Body::BroadcastOk);
                self.values.push(message.clone());
                let peers: Vec<NodeId> = ctx.peers().cloned().collect();
                for peer in peers {
                    ctx.send(&peer, Body::Peer(Tell { message: message.clone() }));
                }
            }
            Body::Peer(Tell { message }) if !self.values.contains(&message) => {
                self.values.push(message);
            }
            _ => {}
        }
    }
}

#[test]
fn partition_finds_a_broadcast_that_does_not_retry() {
    let bug = Bug {
        options: runs(named("broadcast"), &[FaultKind::Partition]),
        durable: false,
        within: 5,
        make: FireAndForget::default,
        invariant: None,
    };
    bug.is_found();
    bug.is_right_under(&[FaultKind::Duplicate, FaultKind::Pause, FaultKind::Clock]);
}
