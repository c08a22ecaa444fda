//! The set of values a node has: each value once, found by its hash, with sums over ranges of
//! hashes by which two nodes find out what the other one lacks.
//!
//! The index is one table of positions with linear probing, whose home slot is given by the *upper*
//! bits of the hash. So it serves two questions: whether a value is there, and which values have
//! hashes that begin with given bits, since those stand next to each other.

use std::fmt;
use std::hash::Hasher;

use proto::Json;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::log::{Snapshot, ValueLog};

/// Where a value stands in the order of arrival, from 0.
pub type Position = u32;

/// The hash of a value, or a wrapping sum of hashes. The same on every node; 16 hexadecimal digits
/// on the wire, because not every JSON reader keeps 64-bit integers whole.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub u64);

/// A range of hashes: those that begin with the given hexadecimal digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    digits: u8,
    bits: u64,
}

/// Slots of an empty table.
const SLOTS_MIN: usize = 16;
/// Each sum is over the hashes whose home is one of so many slots.
const SLOTS_PER_SUM: usize = 8;

/// How many hashes are added to the sums together. One by one each would wait for its place in the
/// sums to come from memory; together they wait once.
const UNSUMMED_MAX: usize = 64;

/// The set. Values are never removed.
#[derive(Debug)]
pub struct ValueSet {
    log: ValueLog,
    hashes: Vec<u64>,
    /// The values by hash. Their number is a power of two.
    slots: Vec<Slot>,
    /// The sums of the hashes whose homes are each [`SLOTS_PER_SUM`] slots.
    sums: Vec<u64>,
    /// How many hashes are in the sums; the newest ones are not yet.
    summed: usize,
    sum: u64,
}

/// A place of the table.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The lower bits of the hash, so that another value is mostly told apart without a look at it.
    tag: u32,
    /// The position of the value plus one; 0 is empty.
    entry: u32,
}

impl Slot {
    fn new(hash: u64, position: Position) -> Self {
        Self { tag: hash as u32, entry: position + 1 }
    }
}

impl Default for ValueSet {
    fn default() -> Self {
        Self {
            log: ValueLog::default(),
            hashes: Vec::new(),
            slots: vec![Slot::default(); SLOTS_MIN],
            sums: vec![0; SLOTS_MIN / SLOTS_PER_SUM],
            summed: 0,
            sum: 0,
        }
    }
}

impl ValueSet {
    /// Adds a value. Returns its position if it was not there before.
    pub fn insert(&mut self, value: Json) -> Option<Position> {
        let hash = hash(&value);
        let slot = self.find(hash, &value).err()?;
        let position = Position::try_from(self.log.push(value)).ok()?;
        self.hashes.push(hash);
        self.slots[slot] = Slot::new(hash, position);
        self.sum = self.sum.wrapping_add(hash);
        if self.log.len() * 2 > self.slots.len() {
            self.grow();
        } else if self.hashes.len() - self.summed >= UNSUMMED_MAX {
            self.add_to_sums();
        }
        Some(position)
    }

    /// Where a value stands.
    pub fn position(&self, value: &Json) -> Option<Position> {
        self.find(hash(value), value).ok()
    }

    /// The value at a position.
    pub fn get(&self, position: Position) -> Option<&Json> {
        self.log.get(position as usize)
    }

    /// How many values there are.
    pub fn len(&self) -> Position {
        self.hashes.len() as Position
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// All values, in the order of their arrival.
    pub fn snapshot(&self) -> Snapshot {
        self.log.snapshot()
    }

    /// The sum of all hashes: two sets with the same one are equal, but for a chance of 2⁻⁶⁴.
    pub fn sum(&self) -> Hash {
        Hash(self.sum)
    }

    /// The sum of the hashes in a range.
    pub fn sum_of(&self, prefix: Prefix) -> Hash {
        let (from, slots) = self.homes(prefix);
        if from % SLOTS_PER_SUM == 0 && slots % SLOTS_PER_SUM == 0 {
            let sums = &self.sums[from / SLOTS_PER_SUM..(from + slots) / SLOTS_PER_SUM];
            let newest = &self.hashes[self.summed..];
            let newest = newest.iter().filter(|hash| prefix.contains(Hash(**hash)));
            return Hash(sums.iter().chain(newest).fold(0, |sum, next| sum.wrapping_add(*next)));
        }
        Hash(self.in_range(prefix).fold(0, |sum, (hash, _)| sum.wrapping_add(hash.0)))
    }

    /// Hashes and positions of the values in a range, in no order that matters.
    pub fn in_range(&self, prefix: Prefix) -> impl Iterator<Item = (Hash, Position)> {
        let (from, slots) = self.homes(prefix);
        let mask = self.slots.len() - 1;
        // What was pushed out of its home stands before the next empty slot. A table is never full.
        (from..from + self.slots.len())
            .map(move |slot| (slot - from, self.slots[slot & mask].entry))
            .take_while(move |(passed, entry)| *passed < slots || *entry != 0)
            .filter(|(_, entry)| *entry != 0)
            .map(|(_, entry)| (Hash(self.hashes[entry as usize - 1]), entry - 1))
            .filter(move |(hash, _)| prefix.contains(*hash))
    }

    /// The value with this hash; the one that came first if there are several.
    pub fn by_hash(&self, hash: Hash) -> Option<Position> {
        self.in_range(Prefix::of(hash, Prefix::DIGITS_MAX)).map(|(_, position)| position).min()
    }

    /// The slot of a value: `Ok` with its position, or `Err` with the empty slot it belongs in.
    fn find(&self, hash: u64, value: &Json) -> Result<Position, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = self.home(hash);
        loop {
            let Slot { tag, entry } = self.slots[slot];
            let Some(position) = entry.checked_sub(1) else { return Err(slot) };
            if tag == hash as u32 && self.get(position) == Some(value) {
                return Ok(position);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn home(&self, hash: u64) -> usize {
        (hash >> (64 - self.slots.len().trailing_zeros())) as usize
    }

    /// The homes of a range: the first one and their number, at least one.
    fn homes(&self, prefix: Prefix) -> (usize, usize) {
        let slots = self.slots.len() >> (4 * u32::from(prefix.digits)).min(63);
        (self.home(prefix.first().0), slots.max(1))
    }

    fn grow(&mut self) {
        let slots = self.slots.len() * 2;
        self.slots = vec![Slot::default(); slots];
        self.sums = vec![0; slots / SLOTS_PER_SUM];
        for position in 0..self.hashes.len() {
            let hash = self.hashes[position];
            let mut slot = self.home(hash);
            while self.slots[slot].entry != 0 {
                slot = (slot + 1) & (slots - 1);
            }
            self.slots[slot] = Slot::new(hash, position as Position);
        }
        self.summed = 0;
        self.add_to_sums();
    }

    fn add_to_sums(&mut self) {
        for position in self.summed..self.hashes.len() {
            let hash = self.hashes[position];
            let sum = self.home(hash) / SLOTS_PER_SUM;
            self.sums[sum] = self.sums[sum].wrapping_add(hash);
        }
        self.summed = self.hashes.len();
    }
}

impl Prefix {
    /// Digits of a whole hash.
    pub const DIGITS_MAX: u8 = 16;
    /// The range of all hashes.
    pub const ALL: Self = Self { digits: 0, bits: 0 };

    /// The range of the hashes that share so many digits with this one.
    pub fn of(hash: Hash, digits: u8) -> Self {
        let digits = digits.min(Self::DIGITS_MAX);
        Self { digits, bits: hash.0.checked_shr(64 - 4 * u32::from(digits)).unwrap_or(0) }
    }

    /// How many digits are given.
    pub fn digits(self) -> u8 {
        self.digits
    }

    /// The sixteen parts of the range; none if it is a single hash.
    pub fn children(self) -> impl Iterator<Item = Self> {
        let count = if self.digits < Self::DIGITS_MAX { 16 } else { 0 };
        (0..count).map(move |digit| Self { digits: self.digits + 1, bits: self.bits << 4 | digit })
    }

    /// Whether a hash is in the range.
    pub fn contains(self, hash: Hash) -> bool {
        Self::of(hash, self.digits) == self
    }

    fn first(self) -> Hash {
        Hash(self.bits.checked_shl(64 - 4 * u32::from(self.digits)).unwrap_or(0))
    }
}

/// The hash of a value: the same for values that are equal, on every node and machine.
pub fn hash(value: &impl std::hash::Hash) -> u64 {
    let mut hasher = StableHasher(0x9e37_79b9_7f4a_7c15);
    value.hash(&mut hasher);
    hasher.finish()
}

/// A 64-bit hash without a secret, which all nodes have to share: multiply and fold over words, with
/// the finalizer of MurmurHash3. The standard library does not promise that its own stays the same.
struct StableHasher(u64);

impl StableHasher {
    fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29);
    }
}

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.word(u64::from_le_bytes(last));
        self.word(bytes.len() as u64);
    }

    fn write_u8(&mut self, byte: u8) {
        self.word(u64::from(byte));
    }

    fn write_u32(&mut self, number: u32) {
        self.word(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.word(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.word(number as u64);
    }

    fn write_i64(&mut self, number: i64) {
        self.word(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.word(number as u64);
    }

    fn finish(&self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ hash >> 33
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = usize::from(self.digits);
        if digits == 0 { f.write_str("all") } else { write!(f, "{:0digits$x}", self.bits) }
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = Prefix::deserialize(deserializer)?;
        if digits.digits == Prefix::DIGITS_MAX {
            Ok(Self(digits.bits))
        } else {
            Err(serde::de::Error::custom("a hash has 16 hexadecimal digits"))
        }
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.digits == 0 {
            return serializer.serialize_str("");
        }
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Prefix;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("up to 16 hexadecimal digits")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Prefix, E> {
                let invalid = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
                if text.len() > 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(invalid());
                }
                let bits = match text {
                    "" => 0,
                    _ => u64::from_str_radix(text, 16).map_err(|_| invalid())?,
                };
                Ok(Prefix { digits: text.len() as u8, bits })
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests;
