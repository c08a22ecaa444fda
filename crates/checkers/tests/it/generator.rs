//! Random histories of registers, from a seed.

use checkers::linearizable::RegisterOp;
use checkers::{Event, Kind};

/// So many seeds, or of them one in `SEEDS_PART`, as when each of a thousand mutants is tested.
pub(crate) fn some(seeds: u64) -> u64 {
    let part = std::env::var("SEEDS_PART").ok().and_then(|part| part.parse().ok()).unwrap_or(1);
    seeds / part
}

/// SplitMix64: a small generator of which the same seed gives the same numbers everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What a random history looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) operations: usize,
    pub(crate) clients: u64,
    pub(crate) keys: u64,
    /// Values are below this.
    pub(crate) values: u64,
    /// How many of 100 operations have an unknown outcome; every second of these takes effect.
    pub(crate) unknown_percent: u64,
}

/// An operation that was begun.
struct Open {
    process: u64,
    op: RegisterOp<u64>,
    /// Whether it has taken effect, and how it will complete.
    effect: Option<Kind>,
}

/// A linearizable history: every operation takes effect at a random moment between its events.
pub(crate) fn valid_history(random: &mut Random, shape: Shape) -> Vec<Event<RegisterOp<u64>>> {
    let mut events = Vec::new();
    let mut record = |process, kind, op: &RegisterOp<u64>| {
        let index = events.len() as u64;
        events.push(Event::of_client(index, index, process, kind, op.clone()));
    };
    let mut registers: Vec<Option<u64>> = vec![None; shape.keys as usize];
    let mut open: Vec<Option<Open>> = (0..shape.clients).map(|_| None).collect();
    // Operations of unknown outcome that may still take effect.
    let mut lingering: Vec<RegisterOp<u64>> = Vec::new();
    let mut next_process = 0;
    let mut processes: Vec<u64> = Vec::new();
    for _ in 0..shape.clients {
        processes.push(next_process);
        next_process += 1;
    }
    let mut begun = 0;
    while begun < shape.operations || open.iter().any(Option::is_some) {
        if !lingering.is_empty() && random.percent(10) {
            let place = random.below(lingering.len() as u64) as usize;
            let mut op = lingering.swap_remove(place);
            _ = apply(&mut registers, &mut op);
        }
        let client = random.below(shape.clients) as usize;
        let Some(current) = &mut open[client] else {
            if begun < shape.operations {
                begun += 1;
                let op = random_op(random, shape);
                record(processes[client], Kind::Invoke, &op);
                open[client] = Some(Open { process: processes[client], op, effect: None });
            }
            continue;
        };
        if current.effect.is_none() {
            if random.percent(shape.unknown_percent) {
                if random.percent(50) {
                    lingering.push(current.op.clone());
                }
                current.effect = Some(Kind::Info);
            } else {
                let happened = apply(&mut registers, &mut current.op);
                current.effect = Some(if happened { Kind::Ok } else { Kind::Fail });
            }
            continue;
        }
        if let Some(Open { process, op, effect: Some(kind) }) = open[client].take() {
            if kind == Kind::Info {
                processes[client] = next_process;
                next_process += 1;
                // Some never complete at all.
                if random.percent(30) {
                    continue;
                }
            }
            record(process, kind, &op);
        }
    }
    events
}

fn random_op(random: &mut Random, shape: Shape) -> RegisterOp<u64> {
    let key = random.below(shape.keys);
    match random.below(3) {
        0 => RegisterOp::Read { key, value: None },
        1 => RegisterOp::Write { key, value: random.below(shape.values) },
        _ => RegisterOp::Cas {
            key,
            from: random.below(shape.values),
            to: random.below(shape.values),
        },
    }
}

/// Does the operation, and says whether it happened.
fn apply(registers: &mut [Option<u64>], op: &mut RegisterOp<u64>) -> bool {
    match op {
        RegisterOp::Read { key, value } => *value = Some(registers[*key as usize]),
        RegisterOp::Write { key, value } => registers[*key as usize] = Some(*value),
        RegisterOp::Cas { key, from, to } => {
            if registers[*key as usize] != Some(*from) {
                return false;
            }
            registers[*key as usize] = Some(*to);
        }
    }
    true
}
