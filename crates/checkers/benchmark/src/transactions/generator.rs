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
}

pub(crate) type Lists = Transaction<list_append::Op<i64, i64>>;
pub(crate) type Registers = Transaction<rw_register::Op<i64, i64>>;

const KEYS: usize = 10;
const OPS_MAX: u64 = 4;

pub(crate) struct Generator {
    random: Random,
    shape: Shape,
    now: u64,
    /// When each client began what it does.
    begun: Vec<Option<u64>>,
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
                None => self.begun[process as usize] = Some(self.now),
                Some(invoked) => {
                    let call = Call { process, invoked, completed: self.now, outcome: Outcome::Ok };
                    let ops = (0..=self.random.below(OPS_MAX)).map(|_| self.op()).collect();
                    return Transaction { call, ops };
                }
            }
        }
    }

    fn op(&mut self) -> list_append::Op<i64, i64> {
        // Each key is twice as likely as the one before it.
        let draw = self.random.below((1 << KEYS) - 1) + 1;
        let place = draw.ilog2() as usize;
        let (key, list) = &mut self.keys[place];
        if self.random.percent(50) {
            let stale = usize::from(self.random.below(1_000) < self.shape.stale_permille);
            let elements = list[..list.len().saturating_sub(stale)].to_vec();
            let elements = (!elements.is_empty()).then_some(elements);
            return list_append::Op::Read { key: *key, elements };
        }
        if list.len() >= self.shape.writes_per_key {
            *key = self.next_key;
            self.next_key += 1;
            list.clear();
        }
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
