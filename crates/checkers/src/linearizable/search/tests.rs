//! What a search counts.

use super::*;
use crate::linearizable::call::Call;
use crate::linearizable::register::{Number, Register, RegisterOperation};
use crate::linearizable::slots::SlotSet;

/// How many configurations are visited on the way to an order of these, one after another.
fn visited(operations: &[RegisterOperation]) -> u64 {
    let calls: Vec<_> = (0..)
        .zip(operations)
        .map(|(place, &operation)| {
            let (invoked, completed) = (2 * place, Some(2 * place + 1));
            Call { operation, invoked, completed }
        })
        .collect();
    let timeline = Timeline::new(&Register, &calls).unwrap();
    let mut search = Search::<_, 1>::new(&Register, &timeline);
    let mut limit = WorkLimit { states_max: 100, stop: &mut || false };
    assert!(matches!(search.run(&mut limit), Outcome::Found));
    search.states()
}

#[test]
fn reads_need_no_configuration_of_their_own_and_the_last_one_counts() {
    let (read, write) = (RegisterOperation::Read, RegisterOperation::Write);
    assert_eq!(visited(&[]), 1);
    assert_eq!(visited(&[read(0), read(0)]), 1);
    assert_eq!(visited(&[read(0), write(1), read(1), read(1)]), 2);
    assert_eq!(visited(&[write(1), read(1), write(2), read(2)]), 3);
}

#[test]
fn all_memory_of_a_search_is_counted() {
    type Made = Search<'static, Register, 1>;
    let timeline = Box::leak(Box::new(Timeline::new(&Register, &[]).unwrap()));
    let grown = |part: &dyn Fn(&mut Made)| {
        let mut search = Made::new(&Register, timeline);
        let before = search.bytes();
        part(&mut search);
        search.bytes() - before
    };
    let frame = size_of::<Frame<Number, 1>>();
    assert_eq!(grown(&|search| search.stack = Vec::with_capacity(1000)), 1000 * frame);
    let of_move = size_of::<Move>();
    let more = 1000 - ROOM;
    assert_eq!(grown(&|search| search.untried = Vec::with_capacity(1000)), more * of_move);
    assert_eq!(grown(&|search| search.blocked = Vec::with_capacity(1000)), more * 4);
    let configuration = Configuration {
        linearized: SlotSet::EMPTY,
        reads: SlotSet::EMPTY,
        state: 0,
        deadline: 0,
        used: UsedSets::NONE,
    };
    let failed = grown(&|search| {
        for state in 0..=ROOM as Number {
            let other = Configuration { state, ..configuration.clone() };
            search.failed.insert(&other, UsedSets::NONE);
        }
    });
    assert!(failed > 0);
    let further = Configuration { deadline: 1, ..configuration };
    let noted = grown(&|search| _ = search.furthest.note(Some(Move::Certain(0)), &further, 1));
    let of_configuration = size_of::<Configuration<Number, 1>>();
    assert!(noted >= 4 * (of_configuration + of_move), "{noted}");
}
