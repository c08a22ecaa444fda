//! What a run is made of.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Whether a thread may lose the processor before it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preempt {
    /// A thread runs until it waits: the fewest interleavings, the fastest run.
    Never,
    /// At each stop, with this probability in thousandths, another ready thread may be chosen.
    Calls(u32),
    /// As [`Preempt::Calls`], but it first does some more instructions one by one, from one to some
    /// thousand: so threads change places between calls as well, and races of memory are explored.
    /// Each such instruction costs as much as a stop.
    Deep(u32),
    /// As [`Preempt::Calls`] with 20 thousandths.
    #[default]
    Seldom,
}

impl Preempt {
    pub(crate) const fn per_mille(self) -> u32 {
        match self {
            Self::Never => 0,
            Self::Calls(share) | Self::Deep(share) => share,
            Self::Seldom => 20,
        }
    }
}

/// What becomes of the code by which programs read clocks without a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Vdso {
    /// It is replaced by code that reads the node's clock: fast. Where that cannot be, it is hidden.
    #[default]
    Replaced,
    /// It is hidden: each look at a clock is a call, and stops.
    Hidden,
}

/// What holds for all nodes of a run. The defaults are those of a test; set `launcher`.
#[derive(Debug, Clone)]
pub struct Options {
    /// Decides every choice that is made after a node first reads its input.
    pub seed: u64,
    /// Names of nodes whose choices depend on no seed: those of seed 0 in every run.
    pub spared: Vec<String>,
    /// Decides what a node draws before that. Together with the node's name; not with `seed`, so that
    /// one started node can serve many seeds.
    pub boot_seed: u64,
    /// The command that calls [`launch`](crate::launch()): for `eddy`, itself and its hidden
    /// sub-command.
    pub launcher: Vec<OsString>,
    /// What wall clocks show when the run begins, since 1970.
    pub wall_clock: Duration,
    /// What a stop costs in the node's time: programs that read a clock until it moves come on.
    pub tick: Duration,
    /// How far a busy node's clock may run ahead before the others get their turn.
    pub lead: Duration,
    /// When a thread loses the processor.
    pub preempt: Preempt,
    /// How programs read clocks.
    pub vdso: Vdso,
    /// Hide the processor's own random numbers (`rdrand`, used by C++'s `std::random_device`), where it
    /// has `cpuid_fault`. In a virtual machine this makes each stop two to three times as dear.
    pub hide_hardware_random: bool,
    /// The core for the supervisor and its nodes; `None` leaves the choice to the kernel, which
    /// costs several times as much a stop as soon as they are on two.
    pub core: Option<usize>,
    /// Keep a list of all calls, for [`first_difference`](crate::first_difference).
    pub record: bool,
    /// How much processor time a thread may use without a call before it is stopped by force.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            spared: Vec::new(),
            boot_seed: 0,
            launcher: Vec::new(),
            // 2025-01-01T00:00:00Z: any date will do if it is always the same.
            wall_clock: Duration::from_secs(1_735_689_600),
            tick: Duration::from_micros(1),
            lead: Duration::from_millis(1),
            preempt: Preempt::default(),
            vdso: Vdso::default(),
            hide_hardware_random: false,
            core: None,
            record: false,
            patience: Duration::from_millis(500),
        }
    }
}

/// A program to be run as a node.
#[derive(Debug, Clone, Default)]
pub struct NodeSpec {
    /// What the node is called; its randomness depends on it.
    pub name: String,
    /// The program, as `exec` would find it.
    pub program: PathBuf,
    /// Its arguments, without the program itself.
    pub args: Vec<OsString>,
    /// Its whole environment: nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory; the supervisor's if there is none.
    pub cwd: Option<PathBuf>,
    /// The directory whose files lose what was not synced in a
    /// [`power_cut`](crate::Supervisor::power_cut). Syncs are watched if there is one.
    pub state_dir: Option<PathBuf>,
    /// How far its wall clock is off, in nanoseconds.
    pub clock_offset: i64,
}
