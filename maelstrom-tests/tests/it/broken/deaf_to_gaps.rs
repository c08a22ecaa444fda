//! A broadcast that numbers what it tells each peer and repeats what is not acknowledged, in order.
//! Its receivers acknowledge the highest number they saw, as if nothing could be missing below it:
//! true when a link is cut as a whole, wrong when single messages are lost.

use std::collections::BTreeMap;
use std::time::Duration;

use corpus::bodies::SetBody;
use eddy::options::FaultKind;
use eddy::workload::registry::named;
use proto::{Caller, Context, Json, Node, NodeId, Records};
use serde::{Deserialize, Serialize};

use super::{Bug, runs};

const REPEAT: Duration = Duration::from_millis(200);

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Tell {
    Value { number: u64, message: Json },
    Acknowledge { up_to: u64 },
}

type Body = SetBody<Tell>;

/// What a peer has not acknowledged.
#[derive(Default)]
struct Outbox {
    next: u64,
    open: BTreeMap<u64, Json>,
}

#[derive(Default)]
struct DeafToGaps {
    values: Vec<Json>,
    outboxes: BTreeMap<NodeId, Outbox>,
}

impl Node for DeafToGaps {
    type Body = Body;
    type Token = ();

    fn init(&mut self, _: Records, ctx: &mut Context<'_, Self>) {
        self.outboxes = ctx.peers().map(|peer| (peer.clone(), Outbox::default())).collect();
        ctx.set_timer(REPEAT, ());
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Topology => ctx.reply(&from, Body::TopologyOk),
            Body::Read => ctx.reply(&from, Body::ReadOk { messages: self.values.clone() }),
            Body::Broadcast { message } => {
                ctx.reply(&from, Body::BroadcastOk);
                self.values.push(message.clone());
                for (peer, outbox) in &mut self.outboxes {
                    let number = outbox.next;
                    outbox.next += 1;
                    // While something is open, everything goes out together with the repetition.
                    if outbox.open.is_empty() {
                        let message = message.clone();
                        ctx.send(peer, Body::Peer(Tell::Value { number, message }));
                    }
                    outbox.open.insert(number, message.clone());
                }
            }
            Body::Peer(Tell::Value { number, message }) => {
                if !self.values.contains(&message) {
                    self.values.push(message);
                }
                ctx.send(&from.id, Body::Peer(Tell::Acknowledge { up_to: number }));
            }
            Body::Peer(Tell::Acknowledge { up_to }) => {
                if let Some(outbox) = self.outboxes.get_mut(&from.id) {
                    outbox.open = outbox.open.split_off(&(up_to + 1));
                }
            }
            _ => {}
        }
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        for (peer, outbox) in &self.outboxes {
            for (&number, message) in &outbox.open {
                let message = message.clone();
                ctx.send(peer, Body::Peer(Tell::Value { number, message }));
            }
        }
        ctx.set_timer(REPEAT, ());
    }
}

#[test]
fn loss_finds_acknowledgements_that_cover_gaps() {
    let bug = Bug {
        options: runs(named("broadcast"), &[FaultKind::Loss]),
        durable: false,
        within: 10,
        make: DeafToGaps::default,
        invariant: None,
    };
    bug.is_found();
    use FaultKind::{Clock, Duplicate, OneWay, Partition, Pause};
    bug.is_right_under(&[Partition, OneWay, Duplicate, Pause, Clock]);
}
