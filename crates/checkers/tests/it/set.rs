//! The set checker: against its rules written down one element at a time, and on histories of which
//! the answer is plain.

use checkers::set::{ElementOutcome, Elements, SetOp, SetResult, check, check_cut_short};
use checkers::{Event, Kind, Operation, Verdict, operations};

use crate::generator::Random;

/// A history that numbers its events; their times are given.
#[derive(Default)]
struct Builder {
    events: Vec<Event<SetOp<u64>>>,
}

impl Builder {
    fn push(&mut self, milliseconds: u64, process: u64, kind: Kind, op: SetOp<u64>) {
        let index = self.events.len() as u64;
        self.events.push(Event::of_client(index, milliseconds * 1_000_000, process, kind, op));
    }

    fn add(&mut self, milliseconds: u64, element: u64) {
        self.push(milliseconds, 0, Kind::Invoke, SetOp::Add { element });
        self.push(milliseconds, 0, Kind::Ok, SetOp::Add { element });
    }

    fn read(&mut self, milliseconds: u64, elements: &[u64]) {
        self.push(milliseconds, 1, Kind::Invoke, SetOp::Read { elements: None });
        self.push(milliseconds, 1, Kind::Ok, read(elements));
    }
}

fn read(elements: &[u64]) -> SetOp<u64> {
    SetOp::Read { elements: Some(elements.to_vec().into()) }
}

#[test]
fn what_is_read_to_the_end_is_stable() {
    let mut history = Builder::default();
    history.add(0, 10);
    history.add(1, 11);
    history.read(2, &[10]);
    history.read(5, &[11, 10]);
    let result = check(&history.events).unwrap();
    assert_eq!(result.verdict, Verdict::Valid);
    assert_eq!((result.attempt_count, result.stable_count), (2, 2));
    // Element 11 was known at 1 ms and last missed at 2 ms.
    assert_eq!(result.stale, [11]);
    assert_eq!(result.worst_stale[0].stable_latency, Some(1));
    assert_eq!(result.stable_latencies.unwrap().0, [0, 1, 1, 1, 1]);
    assert_eq!(result.lost_latencies, None);
}

#[test]
fn what_disappears_is_lost() {
    let mut history = Builder::default();
    history.add(0, 10);
    history.read(1, &[10]);
    history.read(7, &[10]);
    history.read(9, &[]);
    let result = check(&history.events).unwrap();
    assert_eq!((result.verdict, result.lost), (Verdict::Invalid, vec![10]));
    assert_eq!(result.lost_latencies.unwrap().0, [7; 5]);
}

#[test]
fn what_was_acknowledged_and_never_appears_is_lost() {
    let mut history = Builder::default();
    history.add(0, 10);
    history.add(0, 11);
    history.read(9, &[11]);
    let result = check(&history.events).unwrap();
    assert_eq!((result.verdict, result.lost), (Verdict::Invalid, vec![10]));
    assert_eq!(result.lost_latencies.unwrap().0, [0; 5]);
}

#[test]
fn a_failed_or_open_add_that_never_appears_is_not_lost() {
    let mut history = Builder::default();
    history.push(0, 0, Kind::Invoke, SetOp::Add { element: 10 });
    history.push(1, 0, Kind::Info, SetOp::Add { element: 10 });
    history.push(1, 2, Kind::Invoke, SetOp::Add { element: 11 });
    history.push(1, 2, Kind::Fail, SetOp::Add { element: 11 });
    history.read(2, &[]);
    let result = check(&history.events).unwrap();
    assert_eq!((result.verdict, result.never_read), (Verdict::Unknown, vec![10, 11]));
    // But once it has been seen it must stay.
    history.read(3, &[10]);
    history.read(4, &[]);
    assert_eq!(check(&history.events).unwrap().lost, [10]);
}

#[test]
fn an_element_twice_in_a_read_is_invalid_and_one_that_nobody_added_is_ignored() {
    let mut history = Builder::default();
    history.add(0, 10);
    history.read(1, &[99, 10, 7]);
    assert_eq!(check(&history.events).unwrap().verdict, Verdict::Valid);
    history.read(2, &[10, 99, 10, 10]);
    history.read(3, &[10]);
    let result = check(&history.events).unwrap();
    assert_eq!((result.verdict, &result.duplicated), (Verdict::Invalid, &vec![(10, 3)]));
    let text = serde_json::to_value(&result).unwrap();
    assert_eq!(text["valid?"], false);
    assert_eq!(text["duplicated"]["10"], 3);
    assert_eq!(text["stable-latencies"]["0.5"], 0);
    assert!(text.get("lost-latencies").is_none());
}

#[test]
fn the_worst_stale_elements_come_first_with_what_is_known_of_them() {
    let mut history = Builder::default();
    for element in 0..12 {
        history.add(element, element);
    }
    history.read(20, &[]);
    history.read(30, &(0..12).collect::<Vec<_>>());
    let result = check(&history.events).unwrap();
    let worst: Vec<_> = result.worst_stale.iter().map(|worst| worst.element).collect();
    assert_eq!(worst, (0..8).collect::<Vec<_>>());
    let text = serde_json::to_value(&result.worst_stale[0]).unwrap();
    assert_eq!(text["outcome"], "stable");
    assert_eq!(text["stable-latency"], 20);
    assert_eq!(text["known"]["index"], 1);
    assert_eq!(text["last-absent"]["index"], 24);
}

/// Reads in every order, of few elements, with clients that come and go.
fn random_history(random: &mut Random) -> Vec<Event<SetOp<u64>>> {
    let mut history = Builder::default();
    let mut open: Vec<Option<SetOp<u64>>> = vec![None; 4];
    let mut next_element = 0;
    let mut rows: Vec<Vec<u64>> = vec![Vec::new(); open.len()];
    for milliseconds in 0..10 + random.below(60) {
        let process = random.below(open.len() as u64);
        let place = process as usize;
        match open[place].take() {
            None => {
                let op = if random.percent(50) {
                    next_element += 1;
                    SetOp::Add { element: next_element }
                } else {
                    SetOp::Read { elements: None }
                };
                history.push(milliseconds, process, Kind::Invoke, op.clone());
                open[place] = Some(op);
            }
            Some(op @ SetOp::Add { .. }) => {
                let kind = [Kind::Ok, Kind::Ok, Kind::Fail, Kind::Info][random.below(4) as usize];
                history.push(milliseconds, process, kind, op);
            }
            Some(_) => {
                // Mostly what this client read before and more, in any order, with gaps, foreign
                // elements and, rarely, one element twice.
                let row = &mut rows[place];
                for _ in 0..random.below(5) {
                    let element = random.below(next_element + 2);
                    if !row.contains(&element) || random.percent(3) {
                        row.insert(random.below(row.len() as u64 + 1) as usize, element);
                    }
                }
                if !row.is_empty() && random.percent(30) {
                    row.remove(random.below(row.len() as u64) as usize);
                }
                if random.percent(10) {
                    row.reverse();
                }
                history.push(milliseconds, process, Kind::Ok, read(row));
            }
        }
    }
    history.events
}

/// In a history that ended too early only a final read is the last word.
#[test]
fn what_disappears_before_the_end_is_open_until_a_final_read_says_so() {
    let mut history = Builder::default();
    history.add(0, 10);
    history.add(0, 11);
    history.read(1, &[10, 11]);
    history.read(7, &[10]);
    let result = check_cut_short(&history.events).unwrap();
    assert_eq!((result.verdict, result.stable_count), (Verdict::Unknown, 1));
    assert_eq!((result.lost, result.open, result.never_read), (vec![], vec![11], vec![]));
    assert_eq!(check(&history.events).unwrap().lost, [11]);
    history.events.iter_mut().skip(6).for_each(|event| event.is_final = true);
    let result = check_cut_short(&history.events).unwrap();
    assert_eq!((result.verdict, result.lost, result.open), (Verdict::Invalid, vec![11], vec![]));
}

/// The invocation of the read that was invoked last.
fn last<'a>(reads: &[&Operation<'a, SetOp<u64>>]) -> Option<&'a Event<SetOp<u64>>> {
    reads.iter().map(|read| read.invocation).max_by_key(|event| event.index)
}

/// The rules, one element at a time.
fn expected(operations: &[Operation<'_, SetOp<u64>>], element: u64) -> (ElementOutcome, u64) {
    let elements_of = |operation: &Operation<'_, SetOp<u64>>| match operation.op() {
        SetOp::Read { elements: Some(elements) } => elements.iter().copied().collect(),
        _ => Vec::new(),
    };
    let is_read = |operation: &&Operation<'_, SetOp<u64>>| {
        operation.outcome() == Kind::Ok && matches!(operation.op(), SetOp::Read { .. })
    };
    let add = operations.iter().find(|operation| operation.op().added_element() == Some(&element));
    let add = add.unwrap();
    let reads: Vec<_> = operations
        .iter()
        .filter(is_read)
        .filter(|operation| operation.completed_at.unwrap() > add.invoked_at)
        .collect();
    type Reads<'a, 'b> = Vec<&'b Operation<'a, SetOp<u64>>>;
    let (with, without): (Reads<'_, '_>, Reads<'_, '_>) =
        reads.into_iter().partition(|read| elements_of(read).contains(&element));
    let completions = with.iter().map(|read| read.completion.unwrap());
    let known = completions
        .chain(add.completion.filter(|event| event.kind == Kind::Ok))
        .min_by_key(|event| event.index);
    let (present, absent) = (last(&with), last(&without));
    let since_known = |event: Option<&Event<SetOp<u64>>>| {
        let known = known.map_or(0, |known| known.time);
        event.map_or(0, |event| (event.time + 1).saturating_sub(known) / 1_000_000)
    };
    match (present, absent) {
        (Some(_), None) => (ElementOutcome::Stable, 0),
        (Some(present), Some(absent)) if present.index > absent.index => {
            (ElementOutcome::Stable, since_known(Some(absent)))
        }
        (_, Some(absent)) if known.is_some_and(|known| known.index < absent.index) => {
            (ElementOutcome::Lost, since_known(present))
        }
        _ => (ElementOutcome::NeverRead, 0),
    }
}

#[test]
fn random_histories_agree_with_the_rules_one_element_at_a_time() {
    let mut outcomes = [0, 0, 0];
    for seed in 0..3_000 {
        let events = random_history(&mut Random(seed));
        let result = check(&events).unwrap();
        let operations = operations(&events).unwrap();
        let mut rebuilt = SetResult {
            verdict: Verdict::Valid,
            attempt_count: 0,
            stable_count: 0,
            lost: vec![],
            never_read: vec![],
            stale: vec![],
            ..result.clone()
        };
        let (mut stable, mut lost) = (Vec::new(), Vec::new());
        for element in operations.iter().filter_map(|operation| operation.op().added_element()) {
            rebuilt.attempt_count += 1;
            let (outcome, latency) = expected(&operations, *element);
            match outcome {
                ElementOutcome::Stable => {
                    rebuilt.stable_count += 1;
                    stable.push(latency);
                    if latency > 0 {
                        rebuilt.stale.push(*element);
                    }
                }
                ElementOutcome::Lost => {
                    rebuilt.lost.push(*element);
                    lost.push(latency);
                }
                ElementOutcome::Open => panic!("seed {seed}: a whole history says what is lost"),
                ElementOutcome::NeverRead => rebuilt.never_read.push(*element),
            }
            outcomes[usize::from(outcome == ElementOutcome::Lost)
                + 2 * usize::from(outcome == ElementOutcome::NeverRead)] += 1;
        }
        rebuilt.stable_latencies = checkers::quantiles::quantiles(stable);
        rebuilt.lost_latencies = checkers::quantiles::quantiles(lost);
        let has_duplicates = operations.iter().any(|operation| match operation.op() {
            SetOp::Read { elements: Some(elements) } => {
                let is_repeated =
                    |place| elements.iter().take(place).any(|other| *other == elements[place]);
                (1..elements.len()).any(is_repeated)
            }
            _ => false,
        });
        assert_eq!(!result.duplicated.is_empty(), has_duplicates, "seed {seed}");
        if !rebuilt.lost.is_empty() || has_duplicates {
            rebuilt.verdict = Verdict::Invalid;
        } else if rebuilt.stable_count == 0 {
            rebuilt.verdict = Verdict::Unknown;
        }
        assert_eq!(result, rebuilt, "seed {seed}");
    }
    assert!(outcomes.iter().all(|&count| count > 1_000), "{outcomes:?}");
}

/// Long reads, most of which begin as an earlier one did, shared as far as whole pieces go.
#[test]
fn what_reads_share_makes_no_difference() {
    const PIECE: usize = Elements::<u64>::PIECE;
    for seed in 0..50 {
        let random = &mut Random(seed);
        let (mut shared, mut apart) = (Builder::default(), Builder::default());
        let mut lists = vec![Elements::<u64>::default(); 3];
        let mut push = |process: u64, kind: Kind, one: SetOp<u64>, other: SetOp<u64>| {
            shared.push(shared.events.len() as u64, process, kind, one);
            apart.push(apart.events.len() as u64, process, kind, other);
        };
        for element in 0..600 {
            let add = SetOp::Add { element };
            push(9, Kind::Invoke, add.clone(), add.clone());
            push(9, Kind::Ok, add.clone(), add);
            if random.percent(80) {
                continue;
            }
            let process = random.below(3);
            let list = &mut lists[process as usize];
            let pieces = match random.percent(80) {
                true => list.len() / PIECE,
                false => random.below((list.len() / PIECE) as u64 + 1) as usize,
            };
            let mut others: Vec<u64> = list.iter_from(pieces * PIECE).copied().collect();
            let next = list.iter().max().map_or(0, |last| last + 1);
            others.extend((next..=element).filter(|_| random.percent(95)));
            if random.percent(20) {
                others.truncate(others.len() / 2);
            }
            *list = list.followed_by(pieces, others);
            let read = |elements| SetOp::Read { elements };
            push(process, Kind::Invoke, read(None), read(None));
            let copy: Vec<u64> = list.iter().copied().collect();
            push(process, Kind::Ok, read(Some(list.clone())), read(Some(copy.into())));
        }
        let result = check(&shared.events).unwrap();
        assert_eq!(result, check(&apart.events).unwrap(), "seed {seed}");
        assert!(result.stable_count > 0 && !result.stale.is_empty());
    }
}
