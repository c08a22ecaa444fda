//! Lists of elements, as nodes answer with them.

use std::cell::RefCell;

use checkers::set::Elements;
use proto::Json;

use crate::wire::{self, plain_elements};

/// How many beginnings are remembered.
const KNOWN_MAX: usize = 64;

/// Reads what the reads of a set brought. Most begin as an earlier one did, of the same node above all:
/// what is the same by its text is neither read nor kept again.
#[derive(Default)]
pub(in crate::workload) struct Reads(RefCell<Vec<Known>>);

/// A list that was read, as far as its pieces were whole.
#[derive(Default)]
struct Known {
    /// What stands between the brackets.
    text: String,
    /// Where in the text each piece ends, behind its last comma.
    ends: Vec<usize>,
    elements: Elements<Json>,
}

impl Reads {
    /// Reads a list of any JSON, in which 1.0 is not 1.
    ///
    /// # Errors
    /// If it is no list.
    pub(in crate::workload) fn read(&self, text: &str) -> serde_json::Result<Elements<Json>> {
        match read_plain(text, &mut self.0.borrow_mut()) {
            Some(elements) => Ok(elements),
            None => wire::list(text).map(Elements::from),
        }
    }
}

/// Reads a list of which each element is written in the plain way.
fn read_plain(text: &str, all: &mut Vec<Known>) -> Option<Elements<Json>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let common = all.iter().map(|known| known.common_pieces(inner));
    let mut known = match common.zip(0..).max() {
        None | Some((0, _)) => Known::default(),
        // Mostly a list goes on. One that soon goes another way is another one.
        Some((pieces, place)) if 2 * pieces >= all[place].ends.len() => {
            let mut known = all.remove(place);
            known.truncate(pieces);
            known
        }
        Some((pieces, place)) => all[place].beginning(pieces),
    };
    let elements = known.go_on(inner)?;
    if !known.ends.is_empty() {
        // Whoever was not of use for the longest time is in front.
        all.drain(..all.len().saturating_sub(KNOWN_MAX - 1));
        all.push(known);
    }
    Some(elements)
}

impl Known {
    /// How many pieces the inside of a list begins with.
    fn common_pieces(&self, inner: &str) -> usize {
        let (inner, text) = (inner.as_bytes(), self.text.as_bytes());
        let mut start = 0;
        let is_common = |end: &&usize| {
            let piece = std::mem::replace(&mut start, **end)..**end;
            inner.get(piece.clone()) == text.get(piece)
        };
        self.ends.iter().take_while(is_common).count()
    }

    fn truncate(&mut self, pieces: usize) {
        self.ends.truncate(pieces);
        self.text.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Its first pieces.
    fn beginning(&self, pieces: usize) -> Self {
        let ends = self.ends[..pieces].to_vec();
        let end = ends.last().copied().unwrap_or(0);
        Self { text: self.text[..end].to_owned(), ends, elements: self.elements.clone() }
    }

    /// Becomes the list whose inside begins as this one does; nothing if some element of it is not plain.
    fn go_on(&mut self, inner: &str) -> Option<Elements<Json>> {
        let pieces = self.ends.len();
        let mut others = Vec::new();
        let mut at = self.text.len();
        loop {
            at += plain_elements(&inner[at..], Elements::<Json>::PIECE, &mut others)?;
            if !inner[..at].ends_with(',') {
                break;
            }
            // A comma with nothing behind it is not JSON.
            (at < inner.len()).then_some(())?;
            self.ends.push(at);
        }
        let end = self.ends.last().copied().unwrap_or(0);
        self.text.push_str(&inner[self.text.len()..end]);
        self.elements = self.elements.followed_by(pieces, others);
        Some(self.elements.clone())
    }
}

#[cfg(test)]
mod tests {
    use simulator::Random;

    use super::*;

    const PIECE: usize = Elements::<Json>::PIECE;

    fn text(list: &[i64]) -> String {
        serde_json::to_string(list).unwrap()
    }

    /// Lists of a few nodes, each of which grows at its end, in its middle or begins anew.
    #[test]
    fn what_is_read_is_what_stands_there_whatever_was_read_before() {
        for seed in 0..20 {
            let mut random = Random::new(seed, "reads");
            let reads = Reads::default();
            let mut nodes = vec![Vec::new(); 1 + random.index(80)];
            for _ in 0..400 {
                let place = random.index(nodes.len());
                let list: &mut Vec<i64> = &mut nodes[place];
                let at = match random.index(10) {
                    0 => random.index(list.len() + 1),
                    _ => list.len(),
                };
                let news = (0..random.index(2 * PIECE)).map(|_| random.index(100_000) as i64);
                let news: Vec<i64> = news.collect();
                list.splice(at..at, news);
                if random.chance(0.02) {
                    list.truncate(random.index(list.len() + 1));
                }
                let expected: Elements<Json> = list.iter().copied().map(Json::from).collect();
                assert_eq!(reads.read(&text(list)).unwrap(), expected, "seed {seed}");
            }
            assert!(reads.0.borrow().len() <= KNOWN_MAX);
        }
    }

    #[test]
    fn what_lists_have_in_common_is_kept_once() {
        let reads = Reads::default();
        let list: Vec<i64> = (0..10 * PIECE as i64).collect();
        let mut all = Vec::new();
        for length in (0..list.len()).step_by(7) {
            all.push(reads.read(&text(&list[..length])).unwrap());
        }
        let last = all.last().unwrap();
        let place = |elements: &Elements<Json>| std::ptr::from_ref(&elements[0]);
        let whole = || all.iter().filter(|elements| elements.len() > PIECE);
        assert!(whole().count() > 100 && whole().all(|read| place(read) == place(last)));
    }

    /// A number that goes on, a comma at the end, and what is no list: all where a piece ends.
    #[test]
    fn the_end_of_a_piece_is_the_end_of_an_element() {
        let list: Vec<i64> = (1000..1000 + PIECE as i64 + 1).collect();
        let whole = text(&list);
        let inner = &whole[..whole.len() - ",1128]".len()];
        for known in [format!("{inner},1]"), format!("{inner},1,2]")] {
            let reads = Reads::default();
            assert_eq!(reads.read(&known).unwrap().len(), known.matches(',').count() + 1);
            assert!(reads.read(&format!("{inner},]")).is_err());
            assert!(reads.read(inner).is_err());
            let longer = reads.read(&format!("{inner}5,1]")).unwrap();
            assert_eq!((longer.len(), &longer[PIECE - 1]), (PIECE + 1, &Json::from(11275)));
            let float = reads.read(&format!("{inner},1.0]")).unwrap();
            assert_ne!(float[PIECE], Json::from(1));
            assert_eq!(reads.read(&format!("{inner}]")).unwrap().len(), PIECE);
        }
        assert!(Reads::default().read("7").is_err());
        assert_eq!(Reads::default().read("[]").unwrap().len(), 0);
    }
}
