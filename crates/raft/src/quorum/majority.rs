//! Majorities of one set of nodes.

/// How many of `nodes` are a majority.
///
/// ```
/// assert_eq!([1, 2, 3, 4, 5].map(raft::quorum), [1, 2, 2, 3, 3]);
/// ```
#[must_use]
pub fn quorum(nodes: usize) -> usize {
    nodes / 2 + 1
}

/// The largest value that a majority of the given ones reaches: of match
/// indices, the commit index; of acknowledged rounds, the confirmed round.
/// `values` holds one value a node and is left in another order.
///
/// # Panics
///
/// If `values` is empty.
#[must_use]
pub fn reached_by_quorum<T: Ord + Copy>(values: &mut [T]) -> T {
    let position = quorum(values.len()) - 1;
    *values.select_nth_unstable_by(position, |a, b| b.cmp(a)).1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the definition: a value counts if a majority is at or above it.
    #[test]
    fn agrees_with_counting() {
        for nodes in 1..=5_u32 {
            for code in 0..4_u32.pow(nodes) {
                let mut values: Vec<u32> = (0..nodes).map(|i| code / 4_u32.pow(i) % 4).collect();
                let reaches =
                    |v: u32| values.iter().filter(|&&x| x >= v).count() >= quorum(nodes as usize);
                let expected = (0..4).filter(|&v| reaches(v)).max();
                assert_eq!(Some(reached_by_quorum(&mut values)), expected, "{values:?}");
            }
        }
    }
}
