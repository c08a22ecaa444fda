//! The messages of `consensus paxos`, in the shapes of tasks 7-3-1 to 7-3-4.

use proto::{Json, NodeId};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Every message of this node, requests and replies.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Phase 1a.
    PaxosPrepare {
        /// The proposal's number.
        proposal_n: u64,
    },
    /// Phase 1b.
    PaxosPromise(Promise),
    /// Phase 2a.
    PaxosAccept {
        /// The proposal's number.
        proposal_n: u64,
        /// Its value.
        value: Json,
    },
    /// Phase 2b.
    PaxosAccepted(Accepted),
    /// Asks a learner.
    PaxosChosen,
    /// What it knows; null for both if nothing is chosen as far as it knows.
    PaxosChosenOk {
        /// The value.
        value: Json,
        /// The first proposal known to have been accepted by a majority.
        chosen_at_n: Option<u64>,
    },
    /// Has a council choose a value and somebody propose another.
    PaxosSafetyTest(SafetyTest),
    /// What became of the other.
    PaxosSafetyTestOk(SafetyTestOk),
    /// Asks what a list of proposals chose.
    PaxosInvariantCheck {
        /// The proposals, in any order.
        proposals: Vec<Proposal>,
    },
    /// What it chose.
    PaxosInvariantCheckOk(InvariantCheckOk),
    /// Proposes a value for a slot of the council's log.
    MultiPaxosPropose {
        /// Which, from 1.
        slot: u64,
        /// The value.
        value: Json,
    },
    /// What the slot holds.
    MultiPaxosProposeOk {
        /// Which.
        slot: u64,
        /// Whether the leader's promises were good for it.
        phase1_skipped: bool,
        /// Whether a value is chosen.
        chosen: bool,
        /// The chosen value, which need not be the proposed one.
        value: Json,
    },
    /// Has another node of the council lead. Not in the task, which names no way to do it.
    MultiPaxosLeaderChange,
    /// The answer to `multi_paxos_leader_change`.
    MultiPaxosLeaderChangeOk,
    /// Asks for the log.
    MultiPaxosLog,
    /// The chosen slots, in their order.
    MultiPaxosLogOk {
        /// The slots; others hold nothing yet.
        log: Vec<LogSlot>,
    },
}

/// What an acceptor says to `paxos_prepare`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promise {
    /// `promised: true`, and what it accepted before.
    Given {
        /// The proposal; null for none.
        accepted_n: Option<u64>,
        /// Its value; null for none.
        accepted_value: Json,
    },
    /// `promised: false`.
    Refused {
        /// It is not higher than this.
        highest_promised: u64,
    },
}

/// What an acceptor says to `paxos_accept`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// `accepted: true`
    Taken {
        /// The proposal.
        proposal_n: u64,
        /// Its value.
        value: Json,
    },
    /// `accepted: false`
    Refused {
        /// It is lower than this.
        highest_promised: u64,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PromiseFields {
    Given { promised: bool, accepted_n: Option<u64>, accepted_value: Json },
    Refused { promised: bool, highest_promised: u64 },
}

impl Serialize for Promise {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.clone() {
            Self::Given { accepted_n, accepted_value } => {
                PromiseFields::Given { promised: true, accepted_n, accepted_value }
            }
            Self::Refused { highest_promised } => {
                PromiseFields::Refused { promised: false, highest_promised }
            }
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Promise {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match PromiseFields::deserialize(deserializer)? {
            PromiseFields::Given { promised: true, accepted_n, accepted_value } => {
                Ok(Self::Given { accepted_n, accepted_value })
            }
            PromiseFields::Refused { promised: false, highest_promised } => {
                Ok(Self::Refused { highest_promised })
            }
            _ => Err(D::Error::custom("field `promised` contradicts the other fields")),
        }
    }
}

/// The fields of [`Accepted`]; a number is told from a float and a string by its own type.
#[derive(Serialize, Deserialize)]
struct AcceptedFields {
    accepted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proposal_n: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    highest_promised: Option<u64>,
}

impl Serialize for Accepted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.clone() {
            Self::Taken { proposal_n, value } => AcceptedFields {
                accepted: true,
                proposal_n: Some(proposal_n),
                value: Some(value),
                highest_promised: None,
            },
            Self::Refused { highest_promised } => AcceptedFields {
                accepted: false,
                proposal_n: None,
                value: None,
                highest_promised: Some(highest_promised),
            },
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Accepted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = AcceptedFields::deserialize(deserializer)?;
        match (fields.accepted, fields.proposal_n, fields.highest_promised) {
            (true, Some(proposal_n), _) => {
                let value = fields.value.unwrap_or_else(Json::null);
                Ok(Self::Taken { proposal_n, value })
            }
            (true, None, _) => Err(D::Error::missing_field("proposal_n")),
            (false, _, Some(highest_promised)) => Ok(Self::Refused { highest_promised }),
            (false, _, None) => Err(D::Error::missing_field("highest_promised")),
        }
    }
}

/// The parameters of `paxos_safety_test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyTest {
    /// How many acceptors there are.
    pub nodes: u64,
    /// The value that is chosen first.
    pub chosen_value: Json,
    /// The proposal that chooses it.
    pub chosen_at_n: u64,
    /// The proposal that comes after it, with a wish of its own.
    pub new_proposal_n: u64,
}

/// The answer to `paxos_safety_test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyTestOk {
    /// What the later proposal proposed.
    pub new_proposal_value: Json,
    /// Whether a promise told of that value.
    pub forced_by_promise: bool,
    /// Whose promise; null if nobody's.
    pub promise_source: Option<NodeId>,
    /// Whether the chosen value was the only one ever chosen.
    pub safe: bool,
}

/// A proposal in `paxos_invariant_check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its number.
    pub n: u64,
    /// Its value.
    pub value: Json,
    /// Who accepted it.
    pub accepted_by: Vec<NodeId>,
}

/// The answer to `paxos_invariant_check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvariantCheckOk {
    /// The value that was chosen first; null for none.
    pub chosen_value: Json,
    /// The proposal that chose it; null for none.
    pub chosen_at_n: Option<u64>,
    /// Whether all proposals with higher numbers have this value.
    pub all_subsequent_match: bool,
    /// Whether the list could have come about by Paxos.
    pub safe: bool,
}

/// A slot of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSlot {
    /// Which.
    pub slot: u64,
    /// What was chosen.
    pub value: Json,
    /// Always chosen: others are not listed.
    pub status: Status,
}

/// What is known of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its value will never change.
    Chosen,
}
