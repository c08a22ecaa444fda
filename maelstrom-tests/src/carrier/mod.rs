//! What lies between programs, whoever runs them and whoever keeps their time: what they write is
//! read, carried through the [`Fabric`] and handed out, `init` is sent and its answer awaited, and what
//! is wrong with lines and nodes is put into words. A world adds how a program is started, stopped and
//! spoken to.

pub(crate) mod message;
mod problems;
mod silence;
mod tail;

use std::collections::VecDeque;
use std::time::Duration;

use proto::{AnyBody, AnyMessage, MessageId, NodeId, Payload, Time};
use simulator::{Care, Endpoint, Fabric, Happening, Parcel, Unsent};

use self::problems::Problems;
pub(crate) use self::problems::{closed_stream, describe_exit, not_reading};
use self::silence::{hint_at_silence, why_silent};
pub(crate) use self::tail::Tail;
use crate::wire::quote;
use crate::world::{Problem, ProblemKind, Reply};

/// How long a node has to answer `init`.
pub(crate) const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a node may leave unread what it was sent.
pub(crate) const READ_PATIENCE: Duration = Duration::from_secs(4);
/// How long a process may live on after it has closed a stream before that is a problem: one that
/// is about to end is given the time to do so.
pub(crate) const CLOSED_GRACE: Duration = Duration::from_secs(1);
/// Most that may be on its way in the network, in MiB. What comes on top is lost.
pub(crate) const IN_FLIGHT_MIB_MAX: usize = 128;

/// Messages between programs and clients, and what is known of who speaks.
pub(crate) struct Carrier {
    fabric: Fabric,
    speakers: Vec<Speaker>,
    replies: VecDeque<Reply>,
    problems: Problems,
    phase: Phase,
    start_failure: Option<Problem>,
    /// What an argument of the nodes names by a path from where eddy was started.
    named_from_here: Option<String>,
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Nodes get their first `init`; one that fails is the end of the run.
    Starting,
    Running,
    /// What happens now is no problem of a node.
    Ending,
}

/// What is known of a node by what it says.
#[derive(Default)]
struct Speaker {
    /// How often it was started.
    starts: u64,
    init: Option<PendingInit>,
    /// Lines that it wrote on stdout in this life.
    line_count: u64,
    /// The last of them, until it has answered `init`.
    stdout: Tail,
    /// What was wrong with the first of them with which something was, until then.
    flaw: Option<String>,
    /// Nodes that it has asked something, among its first lines.
    asked: Vec<NodeId>,
    /// Its first answer to a node that had asked it nothing, in words.
    misdirected: Option<String>,
    /// Who asks it what, until it has answered `init`.
    held: Vec<(NodeId, String)>,
}

/// So many lines of a node are looked at for answers that go to the wrong node.
const LOOKED_AT_MAX: u64 = 64;

/// An `init` that is not answered yet.
#[derive(Clone, Copy)]
struct PendingInit {
    msg_id: MessageId,
    deadline: Time,
}

/// What a world has to see to.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A message is at a node's door.
    AtNode(usize, Parcel),
    /// A node has answered `init` with something else; what to say of it.
    InitRefused(usize, String),
}

impl Carrier {
    /// For the nodes of this network, none of which has started yet.
    pub(crate) fn new(fabric: Fabric) -> Self {
        let speakers = fabric.node_ids().iter().map(|_| Speaker::default()).collect();
        Self {
            fabric: fabric.with_room(IN_FLIGHT_MIB_MAX << 20),
            speakers,
            replies: VecDeque::new(),
            problems: Problems::default(),
            phase: Phase::Starting,
            start_failure: None,
            named_from_here: None,
        }
    }

    /// The same for nodes of which an argument names this by a path from where eddy was started: one that
    /// ends at once may have looked for it in vain.
    #[must_use]
    pub(crate) fn with_named_from_here(self, named_from_here: Option<String>) -> Self {
        Self { named_from_here, ..self }
    }

    /// The network.
    pub(crate) fn fabric(&self) -> &Fabric {
        &self.fabric
    }

    /// The network.
    pub(crate) fn fabric_mut(&mut self) -> &mut Fabric {
        &mut self.fabric
    }

    /// The names of the nodes.
    pub(crate) fn node_ids(&self) -> &[NodeId] {
        self.fabric.node_ids()
    }

    /// Every node has answered its first `init`, or one has failed. What has come for clients is
    /// nobody's, as there are none yet.
    ///
    /// # Errors
    /// What is wrong with the first node that failed.
    pub(crate) fn started(&mut self) -> Result<(), Problem> {
        self.phase = Phase::Running;
        self.replies.clear();
        self.start_failure.take().map_or(Ok(()), Err)
    }

    /// From now on nothing is a problem of a node any more.
    pub(crate) fn end(&mut self) {
        self.phase = Phase::Ending;
    }

    /// Whether the run cannot begin, because a node has failed at its start.
    pub(crate) fn has_failed_to_start(&self) -> bool {
        self.start_failure.is_some()
    }

    /// A program has been started, or started again: it gets its `init`.
    pub(crate) fn begin(&mut self, now: Time, node: usize) {
        let starts = self.speakers[node].starts + 1;
        let (msg_id, deadline) = (MessageId(starts), now + INIT_TIMEOUT);
        let init = Some(PendingInit { msg_id, deadline });
        self.speakers[node] = Speaker { starts, init, ..Speaker::default() };
        self.fabric.send_init(now, node, msg_id);
    }

    /// Sends a client's request to a node: a whole body. A node that was started again gets it when it has
    /// answered `init`, as at the beginning of a run: before, it need not know its own name.
    pub(crate) fn request(&mut self, now: Time, client: &NodeId, node: usize, body: &str) {
        let speaker = &mut self.speakers[node];
        match speaker.init {
            Some(_) => speaker.held.push((client.clone(), body.to_owned())),
            None => self.fabric.request(now, client, node, body.into()),
        }
    }

    /// Sends what was held for a node, whose `init` is answered, or never will be.
    fn release(&mut self, now: Time, node: usize) {
        for (client, body) in std::mem::take(&mut self.speakers[node].held) {
            self.fabric.request(now, &client, node, body.into());
        }
    }

    /// Takes a line that a node wrote on stdout.
    pub(crate) fn take_line(&mut self, now: Time, node: usize, line: &[u8]) {
        let number = self.count_line(node, line);
        let parsed = match message::parse(line) {
            Ok(parsed) => parsed,
            Err(flaw) => {
                let is_nobody = self.speakers[node].init.is_some() && message::is_of_nobody(line);
                let why = if is_nobody { message::NOBODY_YET } else { "" };
                let text = || message::no_message(number, &format!("{flaw}{why}"), line);
                self.note_flaw(node, text);
                return self.complain(now, node, ProblemKind::Garbage, text);
            }
        };
        let message::Line { src, dest, body, is_shared } = parsed;
        if is_shared {
            let text = || message::line_is(number, message::SHARED_LINE, line);
            self.complain(now, node, ProblemKind::SharedLine, text);
        }
        if let Some((kind, what)) = message::oddity(&self.fabric, node, (&src, &dest)) {
            let text = || message::line_is(number, &what, line);
            self.note_flaw(node, text);
            self.complain(now, node, kind, text);
        }
        // A node that never gets its `init` answered says nothing about its logic.
        let care = match dest == Fabric::init_client(node) {
            true => Care::Safe,
            false => Care::AsUsual,
        };
        self.look_for_misdirected(node, &dest, body);
        let payload = Payload::Body(AnyBody::Text(body.into()));
        let message = AnyMessage { src, dest, msg_id: None, in_reply_to: None, payload };
        if self.fabric.send(now, message, care) == Err(Unsent::NoRoom) {
            self.complain(now, node, ProblemKind::Overflow, || {
                format!(
                    "it sends so much that more than {IN_FLIGHT_MIB_MAX} MiB are on their way; what \
                     came after that is lost"
                )
            });
        }
    }

    /// Notes whom a node asks, and an answer to a node that has asked it nothing: it is a client's, most
    /// likely.
    fn look_for_misdirected(&mut self, node: usize, dest: &NodeId, body: &str) {
        let is_young =
            |speaker: &Speaker| speaker.starts == 1 && speaker.line_count <= LOOKED_AT_MAX;
        if !is_young(&self.speakers[node]) {
            return;
        }
        let Some(Endpoint::Node(other)) = self.fabric.endpoint(dest) else { return };
        let (id, header) = (&self.fabric.node_ids()[node], message::Header::of(body));
        if header.asks && !self.speakers[node].asked.contains(dest) {
            self.speakers[node].asked.push(dest.clone());
        }
        let asker = &self.speakers[other];
        if let Some(MessageId(number)) = header.answers
            && is_young(asker)
            && !asker.asked.contains(id)
        {
            let text = message::misdirected(number, dest, body);
            self.speakers[node].misdirected.get_or_insert(text);
        }
    }

    /// Why a node that runs may not answer its clients; `unread` are bytes that it was sent and has not
    /// read.
    pub(crate) fn hint_at_silence(
        &self,
        node: usize,
        unread: u64,
        stderr: &Tail,
    ) -> Option<String> {
        hint_at_silence(self.speakers[node].misdirected.as_deref(), stderr.complaint(), unread)
    }

    /// Takes the beginning of a line that is too long to be kept.
    pub(crate) fn take_long_line(&mut self, now: Time, node: usize, line: &[u8]) {
        let number = self.count_line(node, line);
        self.complain(now, node, ProblemKind::Garbage, || {
            let flaw = format!(
                "it is longer than {} MiB and has no end yet; is the newline missing?",
                supervisor::LINE_BYTES_MAX >> 20
            );
            message::no_message(number, &flaw, line)
        });
    }

    /// Notes what is wrong with a line of a node that has not answered `init`.
    fn note_flaw(&mut self, node: usize, text: impl FnOnce() -> String) {
        let speaker = &mut self.speakers[node];
        if speaker.init.is_some() {
            speaker.flaw.get_or_insert_with(text);
        }
    }

    fn count_line(&mut self, node: usize, line: &[u8]) -> u64 {
        let speaker = &mut self.speakers[node];
        speaker.line_count += 1;
        if speaker.init.is_some() {
            speaker.stdout.push(line);
        }
        speaker.line_count
    }

    /// Lets the next message arrive that is due by `now`. What is for clients waits for
    /// [`next_reply`](Self::next_reply).
    pub(crate) fn poll(&mut self, now: Time) -> Option<Arrival> {
        loop {
            let (_, happening) = self.fabric.poll(now)?;
            match happening {
                Happening::AtNode(node, parcel) => return Some(Arrival::AtNode(node, parcel)),
                Happening::AtClient(message) => {
                    if let Some(refused) = self.arrive_at_client(now, message) {
                        return Some(refused);
                    }
                }
                Happening::Alarm(_) | Happening::Within => {}
            }
        }
    }

    fn arrive_at_client(&mut self, now: Time, message: AnyMessage) -> Option<Arrival> {
        let Payload::Body(AnyBody::Text(body)) = message.payload else { return None };
        let in_reply_to = message::in_reply_to(&body);
        if let Some(Endpoint::Node(node)) = self.fabric.endpoint(&message.src)
            && Fabric::init_client(node) == message.dest
        {
            return self.take_init_reply(now, node, in_reply_to, &body);
        }
        let (node, client) = (message.src, message.dest);
        self.replies.push_back(Reply { node, client, in_reply_to, body: body.into_string() });
        None
    }

    fn take_init_reply(
        &mut self,
        now: Time,
        node: usize,
        in_reply_to: Option<MessageId>,
        body: &str,
    ) -> Option<Arrival> {
        let speaker = &mut self.speakers[node];
        let pending = speaker.init?;
        let quoted = || quote(body.as_bytes());
        if let Some(flaw) = message::number_flaw(in_reply_to, pending.msg_id) {
            self.note_flaw(node, || format!("{flaw}: {}", quoted()));
            return None;
        }
        match message::judge_init(body) {
            Ok(()) => {
                speaker.init = None;
                speaker.stdout.clear();
                speaker.flaw = None;
                self.release(now, node);
                None
            }
            Err(flaw) => {
                let why = format!("it answered `init` with something else: {flaw}: {}", quoted());
                speaker.flaw.get_or_insert_with(|| why.clone());
                Some(Arrival::InitRefused(node, why))
            }
        }
    }

    /// The next message to a client.
    pub(crate) fn next_reply(&mut self) -> Option<Reply> {
        self.replies.pop_front()
    }

    /// Whether there is a message to a client.
    pub(crate) fn has_reply(&self) -> bool {
        !self.replies.is_empty()
    }

    /// Whether a node's message to a client waits to be taken.
    pub(crate) fn has_reply_of(&self, node: usize) -> bool {
        let id = &self.node_ids()[node];
        self.replies.iter().any(|reply| reply.node == *id)
    }

    /// Whether a node has not answered `init` yet.
    pub(crate) fn awaits_init(&self, node: usize) -> bool {
        self.speakers[node].init.is_some()
    }

    /// When a node has to have answered `init`, if it has not.
    pub(crate) fn init_deadline(&self, node: usize) -> Option<Time> {
        self.speakers[node].init.map(|init| init.deadline)
    }

    /// What to say of a node that has not answered `init` in time; `unread` are bytes that it was sent and
    /// has not read.
    pub(crate) fn why_no_init(&self, node: usize, unread: u64) -> String {
        let Speaker { line_count, flaw, .. } = &self.speakers[node];
        why_silent(*line_count > 0, flaw.as_deref(), unread)
    }

    /// A node was killed: nothing more is expected of it.
    pub(crate) fn killed(&mut self, now: Time, node: usize) {
        self.speakers[node].init = None;
        self.release(now, node);
    }

    /// A node has ended by itself, in this way and with these last lines on stderr.
    pub(crate) fn died(&mut self, now: Time, node: usize, exit: &str, stderr: &Tail) {
        let speaker = &mut self.speakers[node];
        let awaited_init = speaker.init.take().is_some();
        let stderr = stderr.last_words("stderr");
        if self.phase == Phase::Starting {
            let when = if awaited_init { "before it answered" } else { "right after it answered" };
            let stdout = speaker.stdout.last_words("stdout");
            let mut text = format!("it ended {when} `init` ({exit}); {stdout}; {stderr}");
            if let Some(name) = &self.named_from_here {
                text.push_str(&format!(
                    " (nodes run in a directory of their own: if `{name}` means the one here, give its full path)"
                ));
            }
            self.fail_start(now, node, text);
        } else {
            self.complain(now, node, ProblemKind::Died, || {
                format!("the process ended by itself ({exit}); {stderr}")
            });
        }
        self.release(now, node);
    }

    /// A node has failed at its first task: the run cannot begin, or its restart was in vain.
    pub(crate) fn fail_init(&mut self, now: Time, node: usize, why: &str, stderr: &Tail) {
        let speaker = &mut self.speakers[node];
        speaker.init = None;
        // What is wrong with a line quotes it.
        let stdout = match speaker.flaw.is_some() || speaker.line_count == 0 {
            true => String::new(),
            false => format!("{}; ", speaker.stdout.last_words("stdout")),
        };
        let text = format!("{why}; {stdout}{}", stderr.last_words("stderr"));
        if self.phase == Phase::Starting {
            self.fail_start(now, node, text);
        } else {
            self.complain(now, node, ProblemKind::NoInit, || format!("after a restart {text}"));
        }
        self.release(now, node);
    }

    fn fail_start(&mut self, now: Time, node: usize, text: String) {
        let problem = not_started(&self.node_ids()[node], now, text);
        self.start_failure.get_or_insert(problem);
    }

    /// Adds a problem of a node; `text` is asked for only if it is the first of its kind.
    pub(crate) fn complain(
        &mut self,
        now: Time,
        node: usize,
        kind: ProblemKind,
        text: impl FnOnce() -> String,
    ) {
        if self.phase != Phase::Ending {
            self.problems.add(now, (node, &self.fabric.node_ids()[node]), kind, text);
        }
    }

    /// What was wrong with nodes, in the order in which it first happened.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        self.problems.list()
    }
}

/// A node because of which a run cannot begin.
pub(crate) fn not_started(id: &NodeId, time: Time, text: String) -> Problem {
    let (node, kind) = (id.clone(), ProblemKind::NotStarted);
    Problem { node, time: time.as_nanos(), kind, text, count: 1 }
}
