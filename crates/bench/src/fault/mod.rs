//! Faults that come and go: one file a kind, and one line in the table below. A file says what breaks
//! and whom it hits, how it is mended, and how the history tells both. When each comes is the
//! nemesis's business; what then has to happen, that of a [`World`](crate::world::World).

mod byzantine;
mod clock;
mod duplicate;
mod kill;
mod lose_unsynced;
mod loss;
mod membership;
mod one_way;
mod partition;
mod pause;
mod scene;
mod stall;

use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub(crate) use self::scene::Scene;
use crate::world::Fault;

/// Makes the table: of each kind what it is, its name in the code, on the command line and in histories,
/// and the file that knows all else.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal in $file:ident,)*) => {
        /// Faults that come and go.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum FaultKind {
            $($(#[$doc])* $kind,)*
        }

        impl FaultKind {
            /// All there are, in the order in which they begin.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// What `--nemesis` does, for people.
            pub(crate) const HELP: &'static str = concat!(
                "Faults that come and go: ",
                $($name, ", ",)*
                "with commas between them"
            );

            /// The name on the command line and in histories.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            const fn kind(self) -> &'static Kind {
                match self {
                    $(Self::$kind => &$file::KIND,)*
                }
            }
        }
    };
}

kinds! {
    /// The network falls into parts.
    Partition = "partition" in partition,
    /// Some links carry messages in one direction only.
    OneWay = "one-way" in one_way,
    /// Nodes are killed and later started again.
    Kill = "kill" in kill,
    /// Nodes stop in their tracks and later go on.
    Pause = "pause" in pause,
    /// Messages between servers are lost at random.
    Loss = "loss" in loss,
    /// Messages between servers arrive twice at random.
    Duplicate = "duplicate" in duplicate,
    /// Wall clocks jump (virtual time only).
    Clock = "clock" in clock,
    /// Some nodes lie (virtual time only).
    Byzantine = "byzantine" in byzantine,
    /// Nodes lose power, and with it what they have not synced, and are later started again (virtual
    /// time only).
    LoseUnsynced = "lose-unsynced" in lose_unsynced,
    /// Members are removed from the cluster and added back, where nodes serve `remove_member` and
    /// `add_member`.
    Membership = "membership" in membership,
    /// The node that leads stops in its tracks and later goes on, believing that it leads.
    Stall = "stall" in stall,
}

/// Chance of a message to be lost, or to arrive twice, while that fault is on.
const LINK_FAULT_CHANCE: f64 = 0.3;

/// What is known of a kind of fault.
struct Kind {
    /// Where it can be brought.
    place: Place,
    /// What it does that can be counted.
    effect: Effect,
    /// The fewest nodes with which it means what it says.
    nodes_min: usize,
    /// What breaks.
    start: fn(&mut Scene<'_>) -> Start,
    /// What mends it, and how the history tells that.
    stop: fn(&Scene<'_>) -> (Fault, &'static str),
}

/// A fault that begins.
pub(crate) struct Start {
    /// What breaks.
    pub(crate) fault: Fault,
    /// What the nemesis sets out to do, as the history has it.
    pub(crate) begun: Value,
    /// What it did.
    pub(crate) done: Value,
}

/// What a kind of fault does that can be counted: if it did none of it, it has tested nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// Nodes die.
    Kills,
    /// Nodes stop.
    Stops,
    /// Messages are cut off.
    Cuts,
    /// Messages are lost at random.
    Loses,
    /// Messages arrive twice.
    Doubles,
    /// Members are removed and added back.
    ChangesMembers,
    /// Operations that are under way may go wrong, for this reason.
    Misleads(&'static str),
}

/// Where a kind of fault can be brought, and why nowhere else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// To any nodes.
    Anywhere,
    /// To nodes in virtual time.
    VirtualTime(&'static str),
    /// To our own nodes in virtual time.
    Simulation(&'static str),
}

impl Kind {
    /// A kind of fault that can be brought anywhere.
    const fn new(
        effect: Effect,
        start: fn(&mut Scene<'_>) -> Start,
        stop: fn(&Scene<'_>) -> (Fault, &'static str),
    ) -> Self {
        // What happens between nodes needs two.
        let nodes_min = match effect {
            Effect::Cuts | Effect::Loses | Effect::Doubles | Effect::ChangesMembers => 2,
            Effect::Kills | Effect::Stops | Effect::Misleads(_) => 1,
        };
        Self { place: Place::Anywhere, effect, nodes_min, start, stop }
    }
}

impl Start {
    /// A fault of which there is nothing to tell before it has happened.
    fn new(fault: Fault, done: Value) -> Self {
        Self { fault, begun: Value::Null, done }
    }
}

impl FaultKind {
    /// Where it can be brought.
    pub fn place(self) -> Place {
        self.kind().place
    }

    /// Whether nodes die by it.
    pub fn kills(self) -> bool {
        self.effect() == Effect::Kills
    }

    /// What it does that can be counted.
    pub(crate) fn effect(self) -> Effect {
        self.kind().effect
    }

    /// Whether which messages it hits is drawn for each.
    pub(crate) fn is_left_to_chance(self) -> bool {
        matches!(self.effect(), Effect::Loses | Effect::Doubles)
    }

    /// The fewest nodes with which it means what it says.
    pub(crate) fn nodes_min(self) -> usize {
        self.kind().nodes_min
    }

    /// Begins a fault of this kind.
    pub(crate) fn start(self, scene: &mut Scene<'_>) -> Start {
        (self.kind().start)(scene)
    }

    /// What mends it, and how the history tells that.
    pub(crate) fn stop(self, scene: &Scene<'_>) -> (Fault, &'static str) {
        (self.kind().stop)(scene)
    }
}

/// Names may have spaces round them, as in Maelstrom's `--nemesis "partition, kill"`.
impl FromStr for FaultKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name.trim()).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|kind| kind.as_str()).collect();
            format!("has to be one of {}", names.join(", "))
        })
    }
}

impl Serialize for FaultKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for FaultKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
