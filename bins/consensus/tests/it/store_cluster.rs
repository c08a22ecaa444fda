//! A cluster of any node of the program that serves `lin-kv`, chosen by its arguments, with clients
//! that speak text and faults drawn from a seed.

use std::time::Duration;

use bench::lab::registers::{Outcome, Recorder, draw_operation, request};
use checkers::Verdict;
use checkers::linearizable::RegisterOp;
use proto::{AnyBody, Invariant, Json, MessageId, Mouth, NodeId, Payload, Time};
use serde_json::Value;
use simulator::{AnyCluster, ClusterOptions, Cut, Random};

use crate::faults::KINDS;

const CLIENTS_PER_NODE: usize = 2;
const KEYS: u64 = 6;
const TIMEOUT: Duration = Duration::from_secs(1);

/// What befalls a cluster, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) nodes: usize,
    /// So many of them are Byzantine all the time, drawn from the seed.
    pub(crate) liars: usize,
    /// Whether only two decisions count as wrong, and not yet what leads to them.
    pub(crate) is_wrong: bool,
    /// Whether nodes keep records, and so may be killed.
    pub(crate) is_durable: bool,
    pub(crate) faulty: Duration,
    pub(crate) healthy: Duration,
    /// Mean pause of a client.
    pub(crate) pause: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            nodes: 4,
            liars: 0,
            is_wrong: false,
            is_durable: true,
            faulty: Duration::from_secs(8),
            healthy: Duration::from_secs(4),
            pause: Duration::from_millis(200),
        }
    }
}

struct Client {
    name: NodeId,
    /// Its request: number, time-out and type.
    open: Option<(u64, Time, &'static str)>,
    next: Time,
}

/// A cluster, its clients and its judges.
pub(crate) struct Run {
    pub(crate) cluster: AnyCluster,
    random: Random,
    watch: Option<Box<dyn Invariant>>,
    recorder: Recorder,
    clients: Vec<Client>,
    messages: u64,
    plan: Plan,
    liars: Vec<usize>,
    /// Operations answered at each node since the faults ended.
    answered: Vec<u64>,
}

impl Run {
    pub(crate) fn new(seed: u64, arguments: &[&str], plan: Plan) -> Self {
        let mut random = Random::new(seed, "store cluster");
        let Plan { nodes, is_durable, .. } = plan;
        let mut options = ClusterOptions::new(nodes, seed);
        options.network.latency = Duration::from_millis(1 + random.below(15));
        options.durable = is_durable.then_some(Duration::from_millis(2));
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        let program = consensus::program();
        let watch = program.choose(&arguments).unwrap().entry.invariant(nodes);
        let count = nodes * CLIENTS_PER_NODE;
        let mut liars: Vec<usize> = (0..nodes).collect();
        random.shuffle(&mut liars);
        liars.truncate(plan.liars);
        let mouths: Vec<_> = liars
            .iter()
            .map(|&node| {
                let id = options.node_ids[node].clone();
                let mouth = Mouth { id, node_ids: options.node_ids.clone(), seed };
                (node, program.choose_liar(&arguments, &mouth).unwrap().expect("it can lie"))
            })
            .collect();
        // Clients `c0` to `c<n>` are those that send `init`.
        let client =
            |n| Client { name: NodeId::new(&format!("client{n}")), open: None, next: Time::ZERO };
        let mut cluster =
            AnyCluster::new(options, move |_| program.choose(&arguments).unwrap().node);
        for (node, liar) in mouths {
            cluster.set_liar(node, liar);
            cluster.lie(node, true);
        }
        Self {
            cluster,
            liars,
            random,
            watch,
            // The last one is whoever makes requests up.
            recorder: Recorder::new(count + 1),
            clients: (0..count).map(client).collect(),
            messages: 0,
            plan,
            answered: vec![0; nodes],
        }
    }

    fn begin(&mut self, client: usize) {
        let now = self.cluster.now();
        let key = self.random.below(KEYS) + KEYS * (now.as_nanos() / 2_000_000_000);
        let operation = draw_operation(key, &mut self.random);
        self.recorder.invoke(client, now, &operation);
        self.messages += 1;
        let id = self.messages;
        let asked = request(&operation);
        self.clients[client].open = Some((id, now + TIMEOUT, asked.kind));
        let node = client % self.plan.nodes;
        self.cluster.request(&self.clients[client].name, node, asked.body(MessageId(id)));
    }

    fn complete(&mut self, client: usize, outcome: &Outcome) {
        let now = self.cluster.now();
        // Whatever a Byzantine node says.
        let outcome = match self.liars.contains(&(client % self.plan.nodes)) {
            true => &Outcome::Unknown,
            false => outcome,
        };
        self.recorder.complete(client, now, outcome);
        if outcome.is_answer() {
            self.answered[client % self.plan.nodes] += 1;
        }
        let pause = self.random.exponential(self.plan.pause);
        let Client { open, next, .. } = &mut self.clients[client];
        (*open, *next) = (None, now + pause);
    }

    pub(crate) fn run_until(&mut self, end: Time) -> Result<(), String> {
        loop {
            let when = |client: &Client| client.open.map_or(client.next, |(_, timeout, _)| timeout);
            let acts = self.clients.iter().enumerate().map(|(n, client)| (when(client), n)).min();
            let event = self.cluster.next_time().unwrap_or(Time::MAX);
            if let Some((at, client)) = acts.filter(|&(at, _)| at <= event.min(end)) {
                self.cluster.advance_to(at.max(self.cluster.now()));
                match self.clients[client].open {
                    Some((_, _, "read")) => self.complete(client, &Outcome::Refused),
                    Some(_) => self.complete(client, &Outcome::Unknown),
                    None => self.begin(client),
                }
                continue;
            }
            if event > end {
                return Ok(());
            }
            let Some(step) = self.cluster.step() else { return Ok(()) };
            self.note_invented();
            if let (Some(node), Some(watch)) = (step.node, &mut self.watch) {
                let found = watch.look(&self.cluster, node);
                if let Err(text) = found
                    && (!self.plan.is_wrong || text.starts_with("agreement"))
                {
                    return Err(text);
                }
            }
            let Some(message) = step.to_client else { continue };
            let Payload::Body(AnyBody::Text(body)) = &message.payload else { continue };
            let answers = message.in_reply_to.map(|MessageId(id)| id);
            let mut open = self.clients.iter().enumerate().filter_map(|(place, client)| {
                let (id, _, asked) = client.open?;
                (client.name == message.dest && answers == Some(id)).then_some((place, asked))
            });
            if let Some((client, asked)) = open.next() {
                self.complete(client, &Outcome::read(asked, body));
            }
        }
    }

    /// What nobody asked for may have happened from now on.
    fn note_invented(&mut self) {
        for (_, body) in self.cluster.take_invented() {
            let body: Value = serde_json::from_str(&body).unwrap();
            let json = |field: &str| Json::parse(&body[field].to_string()).unwrap();
            let operation = RegisterOp::Write { key: json("key"), value: json("value") };
            let now = self.cluster.now();
            self.recorder.invoke(self.clients.len(), now, &operation);
            self.recorder.complete(self.clients.len(), now, &Outcome::Unknown);
        }
    }

    /// The nodes that answered nothing since this was asked last, but for those that lie.
    pub(crate) fn silent(&mut self) -> Vec<usize> {
        let answered = std::mem::replace(&mut self.answered, vec![0; self.plan.nodes]);
        let silent = |node: &usize| answered[*node] == 0 && !self.liars.contains(node);
        (0..self.plan.nodes).filter(silent).collect()
    }

    fn fault(&mut self) {
        let nodes = self.plan.nodes;
        let node = self.random.index(nodes);
        let kind = KINDS[self.random.index(KINDS.len())];
        let leader = (0..nodes).find(|&node| self.cluster.is_leader(node));
        let victim = leader.unwrap_or(node);
        match self.random.below(9) {
            0 | 1 => {
                let cut = kind.draw(nodes, leader, &mut self.random);
                self.cluster.network_mut().set_cut(cut);
            }
            2 => self.cluster.network_mut().set_cut(Cut::none(nodes)),
            3 => self.cluster.network_mut().set_loss(self.random.fraction() * 0.2),
            4 => self.cluster.network_mut().set_duplicate(self.random.fraction() * 0.3),
            5 => self.cluster.pause(node),
            6 | 7 if self.plan.is_durable => self.cluster.crash(victim),
            _ => {
                self.cluster.resume(node);
                self.cluster.restart(node);
            }
        }
    }

    /// Lets a fault happen every now and then, then ends them all: what went wrong, if anything.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        let mut now = Time::ZERO;
        while now < Time::ZERO + self.plan.faulty {
            now = now + self.random.exponential(Duration::from_millis(400));
            self.run_until(now)?;
            self.fault();
        }
        let nodes = self.plan.nodes;
        let network = self.cluster.network_mut();
        network.set_cut(Cut::none(nodes));
        network.set_loss(0.0);
        network.set_duplicate(0.0);
        for node in 0..nodes {
            self.cluster.resume(node);
            self.cluster.restart(node);
        }
        let healed = now + Duration::from_secs(5);
        self.run_until(healed)?;
        self.answered.fill(0);
        self.run_until(healed + self.plan.healthy)?;
        let silent = self.silent();
        if !silent.is_empty() {
            return Err(format!("nodes {silent:?} serve nobody after healing"));
        }
        match self.recorder.check() {
            Verdict::Valid => Ok(()),
            verdict => Err(format!("linearizability: {verdict:?}")),
        }
    }
}
