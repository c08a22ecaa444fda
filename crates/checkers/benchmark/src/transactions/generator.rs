//! Histories of a strictly serializable store, made one transaction at a time.

use checkers::transactions::{Call, Outcome, Transaction, list_append, rw_register};

use crate::generator::Random;

/// What a history looks like beside its length.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// After so many writes a key is replaced by a new one.
    pub(crate) writes_per_key: usize,
    /// Of 1,000 reads, how many miss the last write.
    pub(crate) stale_permille: u64,
    pub(crate) clients: u64,
    /// Whether transactions read from a snapshot of when they began, instead of the latest state:
    /// snapshot isolation with write skew all over.
    pub(crate) snapshots: bool,
    /// If not 0, every so many transactions one reads the first key as if nothing had ever been
    /// written: all that happened since is one component.
    pub(crate) amnesia_every: u64,
}

impl Shape {
    pub(crate) const fn is_valid(&self) -> bool {
        self.stale_permille == 0 && !self.snapshots && self.amnesia_every == 0
    }
}

pub(crate) type Lists = Transaction<list_append::Op<i64, i64>>;
pub(crate) type Registers = Transaction<rw_register::Op<i64, i64>>;

const KEYS: usize = 10;
const OPS_MAX: u64 = 4;

/// How long the list of each key was, and which key it was.
type Snapshot = [(i64, usize); KEYS];

pub(crate) struct Generator {
    random: Random,
    shape: Shape,
    now: u64,
    /// When each client began what it does.
    begun: Vec<Option<(u64, Snapshot)>>,
    keys: Vec<(i64, Vec<i64>)>,
    next_key: i64,
}

impl Generator {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            random: Random(1),
            shape,
            now: 0,
            begun: vec![None; shape.clients as usize],
            keys: (0..KEYS as i64).map(|key| (key, Vec::new())).collect(),
            next_key: KEYS as i64,
        }
    }

    /// The next transaction that returns. It takes effect when it does.
    pub(crate) fn next(&mut self) -> Lists {
        loop {
            self.now += 1;
            let process = self.random.below(self.shape.clients);
            match self.begun[process as usize].take() {
                None => {
                    let snapshot =
                        std::array::from_fn(|place| (self.keys[place].0, self.keys[place].1.len()));
                    self.begun[process as usize] = Some((self.now, snapshot));
                }
                Some((invoked, snapshot)) => {
                    let call = Call { process, invoked, completed: self.now, outcome: Outcome::Ok };
                    let ops = if self.now.checked_rem(self.shape.amnesia_every) == Some(0) {
                        vec![list_append::Op::Read { key: 0, elements: None }]
                    } else {
                        self.ops(&snapshot)
                    };
                    return Transaction { call, ops };
                }
            }
        }
    }

    fn ops(&mut self, snapshot: &Snapshot) -> Vec<list_append::Op<i64, i64>> {
        // Keys that this transaction has written already.
        let mut own = 0_u32;
        (0..=self.random.below(OPS_MAX)).map(|_| self.op(snapshot, &mut own)).collect()
    }

    fn op(&mut self, snapshot: &Snapshot, own: &mut u32) -> list_append::Op<i64, i64> {
        // Each key is twice as likely as the one before it.
        let draw = self.random.below((1 << KEYS) - 1) + 1;
        let place = draw.ilog2() as usize;
        let (key, list) = &mut self.keys[place];
        let is_latest = !self.shape.snapshots
            || *own & 1 << place != 0
            || snapshot[place] == (*key, list.len());
        // Under snapshot isolation the first to commit wins; the others only read.
        if self.random.percent(50) || !is_latest {
            let stale = usize::from(self.random.below(1_000) < self.shape.stale_permille);
            let known = match snapshot[place] {
                _ if is_latest => list.len(),
                (then, length) if then == *key => length,
                _ => 0,
            };
            let elements = list[..known.saturating_sub(stale)].to_vec();
            let elements = (!elements.is_empty()).then_some(elements);
            return list_append::Op::Read { key: *key, elements };
        }
        if list.len() >= self.shape.writes_per_key {
            *key = self.next_key;
            self.next_key += 1;
            list.clear();
        }
        *own |= 1 << place;
        let element = list.len() as i64 + 1;
        list.push(element);
        list_append::Op::Append { key: *key, element }
    }
}

/// The same transaction on registers.
pub(crate) fn register(transaction: &Lists) -> Registers {
    let ops = transaction.ops.iter().map(|op| match op {
        list_append::Op::Append { key, element } => {
            rw_register::Op::Write { key: *key, value: *element }
        }
        list_append::Op::Read { key, elements } => {
            let value = elements.as_ref().and_then(|list| list.last().copied());
            rw_register::Op::Read { key: *key, value }
        }
    });
    Transaction { call: transaction.call, ops: ops.collect() }
}
