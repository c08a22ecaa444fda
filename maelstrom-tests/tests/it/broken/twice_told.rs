//! A broadcast that tells a value again until it is acknowledged, and looks only at such repetitions
//! for whether it has the value already. It trusts the network to deliver a message once.

use std::time::Duration;

use corpus::bodies::SetBody;
use eddy::options::FaultKind;
use eddy::workload::registry::named;
use proto::{Caller, Context, Json, Node, NodeId, Outcome};
use serde::{Deserialize, Serialize};

use super::{Bug, runs};

const ACK_TIMEOUT: Duration = Duration::from_millis(200);

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Tell {
    Value { message: Json, again: bool },
    Ack,
}

type Body = SetBody<Tell>;

#[derive(Default)]
struct TwiceTold {
    values: Vec<Json>,
}

impl TwiceTold {
    fn tell(peer: NodeId, message: Json, again: bool, ctx: &mut Context<'_, Self>) {
        let body = Body::Peer(Tell::Value { message: message.clone(), again });
        let dest = peer.clone();
        ctx.call(&dest, body, ACK_TIMEOUT, (peer, message));
    }
}

impl Node for TwiceTold {
    type Body = Body;
    /// Who has not acknowledged what.
    type Token = (NodeId, Json);

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Topology => ctx.reply(&from, Body::TopologyOk),
            Body::Read => ctx.reply(&from, Body::ReadOk { messages: self.values.clone() }),
            Body::Broadcast { message } => {
                ctx.reply(&from, Body::BroadcastOk);
                self.values.push(message.clone());
                let peers: Vec<NodeId> = ctx.peers().cloned().collect();
                for peer in peers {
                    Self::tell(peer, message.clone(), false, ctx);
                }
            }
            Body::Peer(Tell::Value { message, again }) => {
                ctx.reply(&from, Body::Peer(Tell::Ack));
                if !(again && self.values.contains(&message)) {
                    self.values.push(message);
                }
            }
            _ => {}
        }
    }

    fn outcome(
        &mut self,
        (peer, message): (NodeId, Json),
        outcome: Outcome<Body>,
        ctx: &mut Context<'_, Self>,
    ) {
        if matches!(outcome, Outcome::Timeout) {
            Self::tell(peer, message, true, ctx);
        }
    }
}

#[test]
fn duplicate_finds_a_broadcast_that_trusts_messages_to_come_once() {
    let bug = Bug {
        options: runs(named("broadcast"), &[FaultKind::Duplicate]),
        durable: false,
        within: 5,
        make: TwiceTold::default,
        invariant: None,
    };
    bug.is_found();
    use FaultKind::{Clock, Loss, OneWay, Partition, Pause};
    bug.is_right_under(&[Partition, OneWay, Loss, Pause, Clock]);
}
