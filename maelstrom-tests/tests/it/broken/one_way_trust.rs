//! A broadcast that takes a peer it hears from for one that hears it too: only when a peer has been
//! silent for a while does it tell that peer everything again. Where messages are lost in one
//! direction only, nobody notices.

use std::collections::BTreeMap;
use std::time::Duration;

use corpus::bodies::SetBody;
use eddy::options::FaultKind;
use eddy::workload::registry::named;
use proto::{Caller, Context, Json, Node, NodeId, Records, Time};
use serde::{Deserialize, Serialize};

use super::{Bug, runs};

const HEARTBEAT: Duration = Duration::from_millis(10);
/// A peer that was silent for so long is told everything once it is heard again.
const SILENCE: Duration = Duration::from_millis(25);

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Tell {
    Heartbeat,
    Values { messages: Vec<Json> },
}

type Body = SetBody<Tell>;

#[derive(Default)]
struct OneWayTrust {
    values: Vec<Json>,
    heard: BTreeMap<NodeId, Time>,
}

impl OneWayTrust {
    fn tell(peer: &NodeId, messages: Vec<Json>, ctx: &mut Context<'_, Self>) {
        ctx.send(peer, Body::Peer(Tell::Values { messages }));
    }
}

impl Node for OneWayTrust {
    type Body = Body;
    type Token = ();

    fn init(&mut self, _: Records, ctx: &mut Context<'_, Self>) {
        self.heard = ctx.peers().map(|peer| (peer.clone(), ctx.now())).collect();
        ctx.set_timer(HEARTBEAT, ());
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if let Some(heard) = self.heard.get_mut(&from.id) {
            let silence = ctx.now().since(*heard);
            *heard = ctx.now();
            if silence >= SILENCE {
                Self::tell(&from.id, self.values.clone(), ctx);
            }
        }
        match body {
            Body::Topology => ctx.reply(&from, Body::TopologyOk),
            Body::Read => ctx.reply(&from, Body::ReadOk { messages: self.values.clone() }),
            Body::Broadcast { message } => {
                ctx.reply(&from, Body::BroadcastOk);
                self.values.push(message.clone());
                for peer in self.heard.keys() {
                    Self::tell(peer, vec![message.clone()], ctx);
                }
            }
            Body::Peer(Tell::Values { messages }) => {
                let new = messages.into_iter().filter(|message| !self.values.contains(message));
                self.values.extend(new.collect::<Vec<_>>());
            }
            _ => {}
        }
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        for peer in self.heard.keys() {
            ctx.send(peer, Body::Peer(Tell::Heartbeat));
        }
        ctx.set_timer(HEARTBEAT, ());
    }
}

#[test]
fn one_way_finds_trust_in_links_that_carry_only_one_direction() {
    let bug = Bug {
        options: runs(named("broadcast"), &[FaultKind::OneWay]),
        durable: false,
        within: 5,
        make: OneWayTrust::default,
        invariant: None,
    };
    bug.is_found();
    // A partition silences both directions, so both sides notice.
    use FaultKind::{Clock, Duplicate, Partition, Pause};
    bug.is_right_under(&[Partition]);
    bug.is_right_under(&[Duplicate, Pause, Clock]);
}
