use super::*;

fn event(index: u64, process: u64, kind: EventKind, wish: Wish, holder: Holder) -> Event<LockOp> {
    Event::of_client(index, index * 1000, process, kind, LockOp { wish, lock: 0, holder })
}

fn checked(events: &[(u64, EventKind, Wish, Holder)]) -> Checked {
    let events = (0..).zip(events);
    let history: Vec<_> = events
        .map(|(index, &(process, kind, wish, holder))| event(index, process, kind, wish, holder))
        .collect();
    Locks::default().check(&history, &mut || false)
}

use EventKind::{Fail, Info, Invoke, Ok as Done};
use Wish::{Acquire, Release};

#[test]
fn two_that_hold_a_lock_are_found_and_shown() {
    let taken = [(0, Invoke, Acquire, 7), (0, Done, Acquire, 7)];
    let again = [(1, Invoke, Acquire, 9), (1, Done, Acquire, 9)];
    let checked = checked(&[taken, again].concat());
    assert_eq!(checked.verdict, Verdict::Invalid);
    assert_eq!(
        checked.causes[1],
        "process 1 was told that it could acquire lock 0 as holder 9 (events 2 to 3), but in \
         every order of the operations before, the lock is held by 7."
    );
    let lead = checked.lead.unwrap();
    let shown: Vec<_> = lead.operations.iter().map(|shown| shown.what.as_str()).collect();
    assert_eq!(shown, ["acquire 0 as 7", "acquire 0 as 9"]);
    let [Exhibit { drawing: Drawing::TimeLine(drawing), .. }] = &checked.exhibits[..] else {
        panic!("{:?}", checked.exhibits)
    };
    assert_eq!(drawing.bars.len(), 2);
    assert_eq!(drawing.order[0].state.as_deref(), Some("held by 7"));
}

#[test]
fn a_lock_that_was_given_back_or_refused_is_free_for_others() {
    let taken = [(0, Invoke, Acquire, 7), (0, Done, Acquire, 7)];
    let refused = [(1, Invoke, Acquire, 8), (1, Fail, Acquire, 8)];
    let given = [(0, Invoke, Release, 7), (0, Done, Release, 7)];
    let again = [(1, Invoke, Acquire, 9), (1, Done, Acquire, 9)];
    assert_eq!(checked(&[taken, refused, given, again].concat()).verdict, Verdict::Valid);
    let stolen = [(1, Invoke, Release, 9), (1, Done, Release, 9)];
    assert_eq!(checked(&[taken, stolen].concat()).verdict, Verdict::Invalid);
}

#[test]
fn what_nobody_knows_may_have_happened_or_not() {
    let perhaps = [(0, Invoke, Acquire, 7), (0, Info, Acquire, 7)];
    let again = [(1, Invoke, Acquire, 9), (1, Done, Acquire, 9)];
    let given = [(2, Invoke, Release, 7), (2, Done, Release, 7)];
    assert_eq!(checked(&[perhaps, again].concat()).verdict, Verdict::Valid);
    assert_eq!(checked(&[perhaps, given, again].concat()).verdict, Verdict::Valid);
    // It was given back, so it was held; but the other one had not given it back before.
    assert_eq!(checked(&[perhaps, again, given].concat()).verdict, Verdict::Invalid);
}

#[test]
fn who_does_not_know_whether_it_holds_a_lock_gives_it_back() {
    let mut locks = Locks::default();
    let mut random = Random::new(1, "generator");
    let worker = Worker { index: 0, process: 0 };
    let acquire = locks.operation(worker, &mut random);
    assert_eq!(acquire.wish, Acquire);
    locks.ended(worker, Info, &acquire);
    let later = Worker { index: 0, process: 1 };
    let mut next = || {
        let op = locks.operation(later, &mut random);
        locks.ended(later, Fail, &op);
        op
    };
    let release = LockOp { wish: Release, ..acquire };
    assert!((0..20).any(|_| next() == release));
    locks.ended(later, Done, &release);
    let acquired = locks.operation(later, &mut random);
    locks.ended(later, Done, &acquired);
    assert_eq!(locks.operation(later, &mut random), LockOp { wish: Release, ..acquired });
}

#[test]
fn a_lock_that_could_not_be_decided_is_not_called_wrong() {
    let judged = |lock, verdict, undecided| Judged {
        lock,
        verdict,
        op_count: 2,
        states_visited: 9,
        explanation: None,
        undecided,
        shown: None,
    };
    let stopped = judged(7, Verdict::Unknown, Some(Undecided::Stopped));
    let checked = report(vec![judged(3, Verdict::Valid, None), stopped]);
    assert_eq!(checked.verdict, Verdict::Unknown);
    assert_eq!(
        checked.causes,
        [
            "1 of 2 locks could not be decided",
            "lock 7 could not be decided: the search for an order was stopped before its end",
        ]
    );
    let results = &checked.results;
    assert_eq!(
        (&results["failures"], &results["undecided"]),
        (&serde_json::json!([]), &vec![7].into())
    );
}

#[test]
fn who_may_hold_a_lock_without_knowing_is_named() {
    let taken = [(0, Invoke, Acquire, 7), (0, Done, Acquire, 7)];
    let perhaps = [(1, Invoke, Release, 7), (2, Invoke, Acquire, 8)];
    let given = [(0, Invoke, Release, 9), (0, Done, Release, 9)];
    let checked = checked(&[taken, perhaps, given].concat());
    assert_eq!(checked.verdict, Verdict::Invalid);
    assert!(
        checked.causes[1].ends_with("the lock is free or held by 7 or held by 8."),
        "{}",
        checked.causes[1]
    );
}
