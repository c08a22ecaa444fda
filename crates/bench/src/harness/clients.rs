//! The bookkeeping of clients: workers that do one operation at a time, their names on the network, and
//! when each has waited long enough. Nothing here knows nodes, faults or the history.

use std::collections::{BTreeMap, BTreeSet};

use proto::{MessageId, NodeId, Time};

use crate::workload::Worker;

/// All client workers of a run.
pub(super) struct Clients<O> {
    workers: Vec<ClientWorker<O>>,
    idle: Vec<usize>,
    /// The clients, by the number in their names.
    names: Vec<Name>,
    /// Requests, by client and number, that nobody waits for any more, with when they were sent.
    given_up: BTreeMap<(usize, MessageId), Time>,
    /// One for each operation under way and no other: `open` and `close` alone touch both, so whatever
    /// is due can be closed, and nobody waits for what is not there.
    deadlines: BTreeSet<(Time, usize)>,
}

struct ClientWorker<O> {
    process: u64,
    node: usize,
    /// Its name on the network, once it has spoken.
    client: Option<NodeId>,
    next_message: u64,
    open: Option<Open<O>>,
}

/// A client as the network knows it.
#[derive(Clone, Default)]
struct Name {
    /// Whose name it is, as long as it speaks under it.
    worker: Option<usize>,
    /// The node that it asks, if it is or was a worker's.
    node: Option<usize>,
    /// The last request under this name.
    asked: u64,
}

/// Why nobody waits for a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stray {
    /// There is no such client, or it has not asked that.
    NotAsked,
    /// The client has asked that of this other node.
    OfAnother(usize),
    /// The client, which asked at this time, has waited long enough.
    Late(Time),
    /// The request has been answered before.
    Again,
}

/// An operation under way.
pub(super) struct Open<O> {
    pub(super) op: O,
    /// The type of its request.
    pub(super) kind: &'static str,
    pub(super) msg_id: MessageId,
    pub(super) asked: Time,
    pub(super) deadline: Time,
    pub(super) is_final: bool,
    /// Whether its node was Byzantine at some time since it began: then no answer says anything.
    pub(super) is_doubtful: bool,
}

impl<O> Clients<O> {
    /// So many workers, dealt to so many nodes in turn.
    pub(super) fn new(workers: usize, nodes: usize) -> Self {
        let worker = |index: usize| ClientWorker {
            process: index as u64,
            node: index % nodes.max(1),
            client: None,
            next_message: 1,
            open: None,
        };
        Self {
            workers: (0..workers).map(worker).collect(),
            idle: (0..workers).collect(),
            // The first clients, one a node, are those that sent `init`.
            names: vec![Name::default(); nodes],
            given_up: BTreeMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    /// How many workers there are.
    pub(super) fn len(&self) -> usize {
        self.workers.len()
    }

    /// The node that a worker speaks to.
    pub(super) fn node(&self, worker: usize) -> usize {
        self.workers[worker].node
    }

    /// A worker as a workload sees it.
    pub(super) fn worker(&self, index: usize) -> Worker {
        Worker { index, process: self.workers[index].process }
    }

    /// A name on the network that nobody has had, for this worker or for none.
    pub(super) fn new_name(&mut self, worker: Option<usize>) -> NodeId {
        let node = worker.map(|worker| self.workers[worker].node);
        self.names.push(Name { worker, node, asked: 1 });
        NodeId::new(&format!("c{}", self.names.len() - 1))
    }

    /// The workers that do nothing, in the order in which they are chosen from.
    pub(super) fn idle(&self) -> &[usize] {
        &self.idle
    }

    /// The worker at this place among the idle ones, which is idle no more.
    pub(super) fn take_idle(&mut self, place: usize) -> usize {
        self.idle.swap_remove(place)
    }

    /// All idle workers, none of which is idle any more.
    pub(super) fn take_all_idle(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.idle)
    }

    /// A worker does nothing.
    pub(super) fn rest(&mut self, worker: usize) {
        self.idle.push(worker);
    }

    /// No worker does anything.
    pub(super) fn rest_all(&mut self) {
        self.idle = (0..self.workers.len()).collect();
    }

    /// How many operations are under way.
    pub(super) fn under_way(&self) -> u64 {
        self.deadlines.len() as u64
    }

    /// Whether an operation of this node is under way.
    pub(super) fn is_asked(&self, node: usize) -> bool {
        self.workers.iter().any(|worker| worker.node == node && worker.open.is_some())
    }

    /// The name and the message's number with which a worker asks next.
    pub(super) fn next_request(&mut self, worker: usize) -> (NodeId, MessageId) {
        let client = match self.workers[worker].client.clone() {
            Some(client) => client,
            None => {
                let client = self.new_name(Some(worker));
                self.workers[worker].client = Some(client.clone());
                self.workers[worker].next_message = 1;
                client
            }
        };
        let next = &mut self.workers[worker].next_message;
        let msg_id = MessageId(*next);
        *next += 1;
        if let Some(name) = number(&client).and_then(|number| self.names.get_mut(number)) {
            name.asked = msg_id.0;
        }
        (client, msg_id)
    }

    /// A worker waits for the end of an operation.
    pub(super) fn open(&mut self, worker: usize, open: Open<O>) {
        self.deadlines.insert((open.deadline, worker));
        self.workers[worker].open = Some(open);
    }

    /// A worker waits no more, and is idle; what it was waiting for.
    pub(super) fn close(&mut self, worker: usize) -> Option<Open<O>> {
        let open = self.workers[worker].open.take()?;
        self.deadlines.remove(&(open.deadline, worker));
        self.rest(worker);
        Some(open)
    }

    /// The same of a worker that has not been answered.
    pub(super) fn give_up(&mut self, worker: usize) -> Option<Open<O>> {
        let open = self.close(worker)?;
        if let Some(number) = self.workers[worker].client.as_ref().and_then(number) {
            self.given_up.insert((number, open.msg_id), open.asked);
        }
        Some(open)
    }

    /// Why nobody waits for this reply of a node, if that is a node.
    pub(super) fn stray(
        &mut self,
        client: &NodeId,
        node: Option<usize>,
        request: MessageId,
    ) -> Stray {
        let Some(number) = number(client) else { return Stray::NotAsked };
        let Some(name) = self.names.get(number) else { return Stray::NotAsked };
        if request.0 == 0 || request.0 > name.asked {
            return Stray::NotAsked;
        }
        if let (Some(asked), Some(node)) = (name.node, node)
            && asked != node
        {
            return Stray::OfAnother(asked);
        }
        match self.given_up.remove(&(number, request)) {
            Some(asked) => Stray::Late(asked),
            None => Stray::Again,
        }
    }

    /// No answer to an operation of this node that is under way says anything.
    pub(super) fn doubt(&mut self, node: usize) {
        let workers = self.workers.iter_mut().filter(|worker| worker.node == node);
        workers.filter_map(|worker| worker.open.as_mut()).for_each(|open| open.is_doubtful = true);
    }

    /// When the first operation under way has waited long enough, and whose it is.
    pub(super) fn first_deadline(&self) -> Option<(Time, usize)> {
        self.deadlines.first().copied()
    }

    /// The worker of this name that waits for the answer to this request.
    pub(super) fn awaiting(&self, client: &NodeId, request: Option<MessageId>) -> Option<usize> {
        let worker = self.names.get(number(client)?)?.worker;
        let open = self.workers[worker?].open.as_ref()?;
        if request == Some(open.msg_id) { worker } else { None }
    }

    /// After an operation of unknown outcome a worker is another process, which speaks under another
    /// name unless it `keeps_name`: one whose operation may still be under way never speaks again.
    pub(super) fn renew(&mut self, worker: usize, keeps_name: bool) {
        let count = self.workers.len() as u64;
        let state = &mut self.workers[worker];
        state.process += count;
        if !keeps_name
            && let Some(client) = state.client.take()
            && let Some(number) = number(&client)
        {
            self.names[number].worker = None;
        }
    }
}

/// The number in the name of a client.
fn number(client: &NodeId) -> Option<usize> {
    client.as_str().strip_prefix('c')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(clients: &mut Clients<&'static str>, worker: usize, deadline: u64) -> NodeId {
        let (client, msg_id) = clients.next_request(worker);
        let (asked, deadline) = (Time::ZERO, Time::from_nanos(deadline));
        let (op, kind) = ("op", "kind");
        let open = Open { op, kind, msg_id, asked, deadline, is_final: false, is_doubtful: false };
        clients.open(worker, open);
        client
    }

    #[test]
    fn a_worker_is_found_by_its_name_and_the_request_that_it_waits_for() {
        let mut clients = Clients::new(4, 2);
        assert_eq!(clients.take_all_idle(), [0, 1, 2, 3]);
        let client = open(&mut clients, 3, 9);
        assert_eq!(client, NodeId::new("c2"), "c0 and c1 have sent `init`");
        assert_eq!(clients.awaiting(&client, Some(MessageId(1))), Some(3));
        assert_eq!(clients.awaiting(&client, Some(MessageId(2))), None);
        assert_eq!(clients.awaiting(&client, None), None);
        assert_eq!(clients.awaiting(&NodeId::new("c0"), Some(MessageId(1))), None);
        assert!(clients.is_asked(1) && !clients.is_asked(0));
        assert!(clients.close(3).is_some() && clients.close(3).is_none());
        assert_eq!(clients.idle(), [3]);
        assert_eq!(clients.awaiting(&client, Some(MessageId(1))), None);
    }

    #[test]
    fn deadlines_come_in_order_and_go_with_what_they_were_for() {
        let mut clients = Clients::new(3, 1);
        for (worker, deadline) in [(0, 30), (1, 10), (2, 20)] {
            open(&mut clients, worker, deadline);
        }
        assert_eq!(clients.first_deadline(), Some((Time::from_nanos(10), 1)));
        clients.close(1);
        assert_eq!(clients.first_deadline(), Some((Time::from_nanos(20), 2)));
    }

    #[test]
    fn what_is_under_way_at_a_node_can_be_doubted() {
        let mut clients = Clients::new(4, 2);
        [0, 1].into_iter().for_each(|worker| drop(open(&mut clients, worker, 9)));
        clients.doubt(1);
        open(&mut clients, 3, 9);
        let mut is_doubtful = |worker| clients.close(worker).map(|open| open.is_doubtful);
        assert_eq!(
            [0, 1, 2, 3].map(&mut is_doubtful),
            [Some(false), Some(true), None, Some(false)]
        );
    }

    #[test]
    fn a_reply_that_nobody_waits_for_is_late_or_the_second_one_or_answers_nothing() {
        let mut clients = Clients::new(2, 2);
        let first = open(&mut clients, 0, 9);
        clients.give_up(0);
        clients.renew(0, false);
        let second = open(&mut clients, 0, 9);
        clients.close(0);
        let mut stray =
            |client: &NodeId, node, request| clients.stray(client, Some(node), MessageId(request));
        assert_eq!(stray(&first, 0, 1), Stray::Late(Time::ZERO));
        assert_eq!(stray(&first, 0, 1), Stray::Again, "it has come late already");
        assert_eq!(stray(&second, 0, 1), Stray::Again);
        assert_eq!(stray(&second, 1, 1), Stray::OfAnother(0));
        assert_eq!([0, 2, u64::MAX].map(|n| stray(&second, 0, n)), [Stray::NotAsked; 3]);
        for nobody in ["c99", "n0", "c", "c99999999999999999999"] {
            assert_eq!(stray(&NodeId::new(nobody), 0, 1), Stray::NotAsked, "{nobody}");
        }
        assert_eq!(clients.stray(&second, None, MessageId(1)), Stray::Again);
    }

    #[test]
    fn a_renewed_worker_is_another_process_of_another_name_unless_it_keeps_it() {
        let mut clients = Clients::new(2, 1);
        let first = open(&mut clients, 0, 1);
        clients.close(0);
        clients.renew(0, true);
        assert_eq!((clients.worker(0).process, open(&mut clients, 0, 1)), (2, first.clone()));
        assert_eq!(clients.awaiting(&first, Some(MessageId(2))), Some(0));
        clients.close(0);
        clients.renew(0, false);
        let second = open(&mut clients, 0, 1);
        assert_ne!(first, second);
        assert_eq!(clients.worker(0).process, 4);
        assert_eq!(clients.awaiting(&second, Some(MessageId(1))), Some(0));
    }
}
