//! Consistency models, and which phenomena each of them excludes.
//!
//! Two small graphs say it all: a model implies weaker models, and a phenomenon implies others. A
//! phenomenon rules out every model that forbids something it implies, and every model that
//! implies such a model. The relations are those of Elle's `consistency_model.clj`, which names the
//! paper behind each: Adya 1999; Bailis et al. 2013 (Highly Available Transactions); Cerone,
//! Bernardi, Gotsman 2015; Daudjee and Salem 2004 and 2006.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::kind::{Kind, Order, Shape};

/// Names for the same model: the one people use, and the one in the graphs below.
const ALIASES: &[(&str, &str)] = &[
    ("consistent-view", "PL-2+"),
    ("serializable", "PL-3"),
    ("conflict-serializable", "PL-3"),
    ("cursor-stability", "PL-CS"),
    ("forward-consistent-view", "PL-FCV"),
    ("monotonic-snapshot-read", "PL-MSR"),
    ("monotonic-view", "PL-2L"),
    ("read-committed", "PL-2"),
    ("read-uncommitted", "PL-1"),
    ("repeatable-read", "PL-2.99"),
    ("snapshot-isolation", "PL-SI"),
    ("strict-serializable", "PL-SS"),
    ("strong-serializable", "PL-SS"),
    ("update-serializable", "PL-3U"),
    ("strong-session-read-uncommitted", "strong-session-PL-1"),
    ("strong-session-read-committed", "strong-session-PL-2"),
    ("strong-read-uncommitted", "strong-PL-1"),
    ("strong-read-committed", "strong-PL-2"),
];

/// What satisfies the first also satisfies the others.
const WEAKER: &[(&str, &[&str])] = &[
    ("causal-cerone", &["read-atomic"]),
    ("PL-2+", &["PL-CS", "PL-2L"]),
    ("PL-CS", &["PL-2"]),
    ("PL-FCV", &["PL-2+"]),
    ("PL-2", &["PL-1"]),
    ("PL-3", &["PL-2.99", "PL-3U", "PL-SI", "view-serializable"]),
    ("PL-3U", &["PL-FCV"]),
    ("monotonic-atomic-view", &["PL-2"]),
    ("PL-2L", &["PL-2"]),
    ("PL-MSR", &["PL-2"]),
    ("parallel-snapshot-isolation", &["causal-cerone", "update-atomic"]),
    ("prefix", &["causal-cerone"]),
    ("read-atomic", &["monotonic-atomic-view"]),
    ("PL-2.99", &["PL-CS", "monotonic-atomic-view"]),
    ("update-atomic", &["read-atomic"]),
    ("session-serializable", &["1SR"]),
    (
        "PL-SI",
        &["PL-FCV", "monotonic-atomic-view", "PL-MSR", "parallel-snapshot-isolation", "prefix"],
    ),
    (
        "PL-SS",
        &[
            "PL-3",
            "linearizable",
            "PL-SI",
            "strong-snapshot-isolation",
            "strong-session-serializable",
            "session-serializable",
        ],
    ),
    ("strong-session-PL-1", &["PL-1"]),
    ("strong-session-PL-2", &["PL-2", "strong-session-PL-1"]),
    ("strong-PL-1", &["strong-session-PL-1"]),
    ("strong-PL-2", &["strong-session-PL-2", "strong-PL-1"]),
    ("strong-session-serializable", &["PL-3", "strong-session-snapshot-isolation"]),
    ("strong-session-snapshot-isolation", &["PL-SI", "strong-session-PL-2"]),
    ("strong-snapshot-isolation", &["strong-session-snapshot-isolation", "strong-PL-2"]),
    ("linearizable", &["sequential"]),
    ("sequential", &["causal"]),
    ("causal", &["writes-follow-reads", "PRAM"]),
    ("PRAM", &["monotonic-reads", "monotonic-writes", "read-your-writes"]),
];

/// What a model forbids, beyond what the models it implies forbid.
const FORBIDS: &[(&str, &[&str])] = &[
    ("causal-cerone", &["internal", "G1a"]),
    ("PL-CS", &["G1", "G-cursor", "lost-update"]),
    ("PL-2L", &["G1", "G-monotonic"]),
    ("PL-MSR", &["G1", "G-MSR"]),
    ("PL-2+", &["G1", "G-single"]),
    ("PL-FCV", &["G1", "G-SIb"]),
    ("parallel-snapshot-isolation", &["internal", "G1a"]),
    ("PL-3", &["G1", "G2", "internal"]),
    ("PL-2", &["G1"]),
    ("PL-1", &["G0", "duplicate-elements", "cyclic-versions", "garbage-read"]),
    ("prefix", &["internal", "G1a"]),
    ("PL-SI", &["internal", "G1", "G-SI", "G-nonadjacent"]),
    ("read-atomic", &["internal", "G1a", "future-read"]),
    ("PL-2.99", &["G1", "G2-item", "lost-update"]),
    ("update-atomic", &["lost-update"]),
    ("PL-SS", &["G1", "G1c-realtime", "G2-realtime"]),
    ("strong-session-PL-1", &["G0-process"]),
    ("strong-session-PL-2", &["G1c-process"]),
    ("strong-PL-1", &["G0-realtime"]),
    ("strong-PL-2", &["G1c-realtime"]),
    ("strong-session-snapshot-isolation", &["internal", "G1-process", "G-nonadjacent-process"]),
    ("strong-snapshot-isolation", &["internal", "G1-realtime", "G-nonadjacent-realtime"]),
    ("strong-session-serializable", &["G1-process", "G2-process"]),
    ("PL-3U", &["G1", "G-update"]),
];

/// Whoever sees the first has also seen the others. The step from a cycle to its `-process` and
/// `-realtime` variants, which holds for all of them, is made by [`implied`] itself.
const IMPLIES: &[(&str, &[&str])] = &[
    ("G0", &["G1c"]),
    ("G1a", &["G1"]),
    ("G1b", &["G1"]),
    ("G1c", &["G1"]),
    ("G-single-item", &["G-single", "G-nonadjacent-item"]),
    ("G-single", &["G-nonadjacent", "G-SIb"]),
    ("G-nonadjacent-item", &["G-nonadjacent", "G2-item"]),
    ("G-nonadjacent", &["G2"]),
    ("G2-item", &["G2"]),
    ("G-SIb", &["G-SI"]),
    ("incompatible-order", &["G1a"]),
    ("dirty-update", &["G1a"]),
    ("future-read", &["G1c"]),
    ("lost-update", &["G2-item"]),
];

/// The phenomena that have variants by process and by real time.
const WITH_VARIANTS: &[&str] = &[
    "G0",
    "G1",
    "G1c",
    "G-single-item",
    "G-single",
    "G-nonadjacent-item",
    "G-nonadjacent",
    "G2-item",
    "G2",
];

/// A consistency model.
///
/// ```
/// use checkers::transactions::Model;
/// let model: Model = "snapshot-isolation".parse()?;
/// assert_eq!(model, "PL-SI".parse()?);
/// assert_eq!(model.to_string(), "snapshot-isolation");
/// # Ok::<(), checkers::transactions::UnknownModel>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Model(&'static str);

/// No model has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no consistency model is called {name:?}; known are {}", known().join(", "))]
pub struct UnknownModel {
    /// The name.
    pub name: String,
}

fn known() -> Vec<&'static str> {
    let names: BTreeSet<&str> =
        Model::all().map(Model::name).chain(ALIASES.iter().map(|&(alias, _)| alias)).collect();
    names.into_iter().collect()
}

impl Model {
    /// What a history must be where nothing else is asked.
    pub const STRICT_SERIALIZABLE: Self = Self("PL-SS");
    /// Equivalent to some serial execution.
    pub const SERIALIZABLE: Self = Self("PL-3");
    /// Every transaction reads from one snapshot, and no two that overlap write the same object.
    pub const SNAPSHOT_ISOLATION: Self = Self("PL-SI");
    /// Only committed, final values are read, and information flows in no circle.
    pub const READ_COMMITTED: Self = Self("PL-2");
    /// Writes of transactions are not interleaved.
    pub const READ_UNCOMMITTED: Self = Self("PL-1");

    /// All models, each once.
    pub fn all() -> impl Iterator<Item = Self> {
        let names: BTreeSet<&'static str> = WEAKER
            .iter()
            .flat_map(|&(model, weaker)| weaker.iter().copied().chain([model]))
            .collect();
        names.into_iter().map(Self)
    }

    /// The name that people use, as Elle prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        ALIASES
            .iter()
            .find(|&&(_, canonical)| canonical == self.0)
            .map_or(self.0, |&(name, _)| name)
    }

    /// Whether everything that satisfies this model satisfies `other`.
    #[must_use]
    pub fn implies(self, other: Self) -> bool {
        closure([self.0], |model| targets(WEAKER, model)).contains(other.0)
    }

    /// Whether there are anomalies that rule the model out. Of the others, such as `causal`, nothing is
    /// looked for.
    #[must_use]
    pub fn can_be_ruled_out(self) -> bool {
        FORBIDS.iter().any(|&(model, _)| self.implies(Self(model)))
    }

    /// Whether an anomaly of this kind rules the model out.
    #[must_use]
    pub fn forbids(self, kind: Kind) -> bool {
        ruled_out([kind]).contains(&self)
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Model {
    type Err = UnknownModel;

    /// Takes the names people use, and Adya's (`PL-3`).
    fn from_str(name: &str) -> Result<Self, UnknownModel> {
        let canonical = ALIASES
            .iter()
            .find(|&&(alias, _)| alias == name)
            .map_or(name, |&(_, canonical)| canonical);
        Self::all()
            .find(|model| model.0 == canonical)
            .ok_or_else(|| UnknownModel { name: name.to_owned() })
    }
}

/// Reads a list of models, separated by commas, spaces or both, as on a command line.
///
/// # Errors
///
/// The first name that no model has.
pub fn parse_models(list: &str) -> Result<Vec<Model>, UnknownModel> {
    list.split([',', ' ']).filter(|name| !name.is_empty()).map(str::parse).collect()
}

/// The strongest order that a model says anything of: what has to be looked at to refute it.
pub(super) fn order_needed(models: &[Model]) -> Order {
    const SHAPES: [Shape; 5] =
        [Shape::G0, Shape::G1c, Shape::GSingleItem, Shape::GNonadjacentItem, Shape::G2Item];
    [Order::Realtime, Order::Process]
        .into_iter()
        .find(|&order| {
            SHAPES
                .iter()
                .any(|&shape| models.iter().any(|model| model.forbids(Kind::Cycle(order, shape))))
        })
        .unwrap_or(Order::Data)
}

/// The models that cannot hold where these kinds of anomalies are.
pub(super) fn ruled_out(kinds: impl IntoIterator<Item = Kind>) -> BTreeSet<Model> {
    let seen = closure(kinds.into_iter().map(Kind::name), implied);
    let direct = FORBIDS
        .iter()
        .filter(|(_, forbidden)| forbidden.iter().any(|&name| seen.contains(name)))
        .map(|&(model, _)| model);
    let stronger = |name: &'static str| {
        let is_stronger =
            move |&&(_, weaker): &&(&'static str, &'static [&'static str])| weaker.contains(&name);
        WEAKER.iter().filter(is_stronger).map(|&(model, _)| model).collect()
    };
    closure(direct, stronger).names.into_iter().map(Model).collect()
}

/// Those of `models` that imply none of the others, and the rest of them.
pub(super) fn boundary(models: &BTreeSet<Model>) -> (Vec<Model>, Vec<Model>) {
    models
        .iter()
        .partition(|&&model| !models.iter().any(|&other| other != model && model.implies(other)))
}

/// What whoever sees the phenomenon called `name` has seen as well: one step.
fn implied(name: &'static str) -> Vec<&'static str> {
    let (base, suffix) = split(name);
    let mut all: Vec<&'static str> =
        targets(IMPLIES, base).into_iter().filter_map(|target| variant(target, suffix)).collect();
    match suffix {
        "" => all.extend(variant(base, "-process")),
        "-process" => all.extend(variant(base, "-realtime")),
        _ => {}
    }
    all
}

/// The base of a phenomenon's name, as the tables have it, and its suffix.
fn split(name: &'static str) -> (&'static str, &'static str) {
    for suffix in ["-process", "-realtime"] {
        if let Some(base) = name.strip_suffix(suffix) {
            return (base, suffix);
        }
    }
    (name, "")
}

/// The name with a suffix, if there is such a variant.
fn variant(base: &'static str, suffix: &str) -> Option<&'static str> {
    const PROCESS: [&str; 9] = [
        "G0-process",
        "G1-process",
        "G1c-process",
        "G-single-item-process",
        "G-single-process",
        "G-nonadjacent-item-process",
        "G-nonadjacent-process",
        "G2-item-process",
        "G2-process",
    ];
    const REALTIME: [&str; 9] = [
        "G0-realtime",
        "G1-realtime",
        "G1c-realtime",
        "G-single-item-realtime",
        "G-single-realtime",
        "G-nonadjacent-item-realtime",
        "G-nonadjacent-realtime",
        "G2-item-realtime",
        "G2-realtime",
    ];
    let place = WITH_VARIANTS.iter().position(|&name| name == base);
    match suffix {
        "" => Some(base),
        "-process" => place.map(|place| PROCESS[place]),
        _ => place.map(|place| REALTIME[place]),
    }
}

fn targets(graph: &[(&str, &[&'static str])], name: &str) -> Vec<&'static str> {
    graph.iter().find(|&&(from, _)| from == name).map_or_else(Vec::new, |&(_, to)| to.to_vec())
}

/// A set of names and all that can be reached from them.
struct Closure {
    names: BTreeSet<&'static str>,
}

impl Closure {
    fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

fn closure(
    start: impl IntoIterator<Item = &'static str>,
    step: impl Fn(&'static str) -> Vec<&'static str>,
) -> Closure {
    let mut open: Vec<&'static str> = start.into_iter().collect();
    let mut names = BTreeSet::new();
    while let Some(name) = open.pop() {
        if names.insert(name) {
            open.extend(step(name));
        }
    }
    Closure { names }
}
