//! What the tests share: the nodes under `tests/nodes`, and a world with one of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use eddy::options::numbered_nodes;
use eddy::process::{ProcessOptions, ProcessWorld, StartError};
use eddy::wire::{self, Answer, Request};
use eddy::world::{Problem, ProblemKind, World};
use proto::{Json, MessageId, NodeId};
use simulator::NetworkOptions;

/// Longest wait for something that should happen at once, on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A program under `tests/nodes`.
pub(crate) fn node(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nodes").join(name)
}

/// Options for so many of these nodes in a perfect network.
pub(crate) fn options(name: &str, arguments: &[&str], nodes: usize) -> ProcessOptions {
    ProcessOptions {
        program: node(name),
        arguments: arguments.iter().map(Into::into).collect(),
        nodes: numbered_nodes(nodes),
        network: NetworkOptions::default(),
        seed: 1,
        directory: None,
        logged_messages: Default::default(),
        log_stderr: false,
        reaper: Some(env!("CARGO_BIN_EXE_eddy").into()),
        // The tests of this process start much else.
        adopts: false,
    }
}

/// A request for an echo.
pub(crate) fn echo(sent: Json) -> Request {
    Request::new("echo").with("echo", sent)
}

/// A world, and a client that asks one thing after another.
pub(crate) struct Bench {
    pub(crate) world: ProcessWorld,
    client: NodeId,
    next_message: u64,
}

impl Bench {
    pub(crate) fn start(options: &ProcessOptions) -> Result<Self, StartError> {
        let client = NodeId::new(&format!("c{}", options.nodes.len()));
        Ok(Self { world: ProcessWorld::start(options)?, client, next_message: 1 })
    }

    /// So many of these nodes, which must start.
    pub(crate) fn of(name: &str, arguments: &[&str], nodes: usize) -> Self {
        Self::start(&options(name, arguments, nodes)).expect("the nodes start")
    }

    /// Sends a request without waiting for its answer.
    pub(crate) fn send(&mut self, node: usize, request: &Request) -> MessageId {
        let msg_id = MessageId(self.next_message);
        self.next_message += 1;
        self.world.send(&self.client, node, &request.body(msg_id));
        msg_id
    }

    /// Sends a request for an echo.
    pub(crate) fn send_echo(&mut self, node: usize) -> MessageId {
        self.send(node, &echo(Json::from(7)))
    }

    /// Asks and waits for the answer, with the content of this field, at most so long; nothing if
    /// none comes.
    pub(crate) fn ask_within(
        &mut self,
        patience: Duration,
        node: usize,
        request: &Request,
        field: &str,
    ) -> Option<(Answer, Json)> {
        let msg_id = self.send(node, request);
        let deadline = self.world.now() + patience;
        loop {
            let reply = self.world.wait(deadline)?;
            if reply.client == self.client && reply.in_reply_to == Some(msg_id) {
                let mut came = Json::null();
                let answer = wire::read(request.kind, &reply.body, |fields| {
                    came = fields.json(field)?;
                    Ok(())
                });
                return Some((answer, came));
            }
        }
    }

    /// Asks for an echo and waits for the answer, which must come.
    pub(crate) fn ask(&mut self, node: usize, sent: Json) -> (Answer, Json) {
        self.ask_within(PATIENCE, node, &echo(sent), "echo").expect("an answer in time")
    }

    /// Asks for an echo and says whether it came as it should.
    pub(crate) fn echoes(&mut self, node: usize) -> bool {
        let sent = Json::from(self.next_message as i64);
        self.ask(node, sent.clone()) == (Answer::Ok, sent)
    }

    /// Sends a node something to work on and waits until it has this problem.
    pub(crate) fn provoke(&mut self, node: usize, kind: ProblemKind) -> Problem {
        self.send_echo(node);
        self.await_problem(node, kind)
    }

    /// Lets the world go on until a node has this problem.
    pub(crate) fn await_problem(&mut self, node: usize, kind: ProblemKind) -> Problem {
        let deadline = self.world.now() + PATIENCE;
        let name = self.world.node_ids()[node].clone();
        loop {
            let problems = self.world.problems();
            if let Some(problem) =
                problems.iter().find(|problem| problem.node == name && problem.kind == kind)
            {
                return problem.clone();
            }
            let now = self.world.now();
            assert!(now < deadline, "{kind:?} of {name} in {problems:#?}");
            self.world.wait((now + Duration::from_millis(50)).min(deadline));
        }
    }
}
