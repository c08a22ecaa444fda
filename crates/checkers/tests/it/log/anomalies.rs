//! Each anomaly in the smallest history that shows it.

use checkers::Verdict;
use checkers::log::{Action, FindingKind, LogOperation, Outcome, Step, check};

type Operation = LogOperation<&'static str, u64>;

/// Operations of some processes, one after another.
#[derive(Default)]
struct History(Vec<Operation>);

impl History {
    fn add(mut self, process: u64, outcome: Outcome, action: Action<&'static str, u64>) -> Self {
        let invoked = self.0.len() as u64 * 2;
        let completed = Some(invoked + 1);
        self.0.push(LogOperation { process, invoked, completed, outcome, action });
        self
    }

    fn does(self, process: u64, steps: Vec<Step<&'static str, u64>>) -> Self {
        self.add(process, Outcome::Ok, Action::Messages(steps))
    }

    /// What is found, with what is said of it.
    #[track_caller]
    fn shows(&self, expected: &[(FindingKind, &str)]) {
        let result = check(&self.0);
        let found: Vec<(FindingKind, &str)> = result
            .findings
            .iter()
            .flat_map(|(&kind, of)| of.samples.iter().map(move |one| (kind, &*one.explanation)))
            .collect();
        assert_eq!(found, expected);
        let is_allowed = expected.iter().all(|(kind, _)| *kind == FindingKind::IntSendSkip);
        assert_eq!(result.verdict, Verdict::from_rule(is_allowed));
    }
}

fn send(value: u64, offset: u64) -> Step<&'static str, u64> {
    Step::Send { key: "k", value, offset: Some(offset) }
}

fn poll(messages: &[(u64, u64)]) -> Step<&'static str, u64> {
    Step::Poll(vec![("k", messages.to_vec())])
}

#[test]
fn two_messages_at_one_offset() {
    let history = History::default()
        .does(0, vec![send(1, 5)])
        .does(0, vec![send(2, 6)])
        .does(1, vec![poll(&[(5, 1)])])
        .does(2, vec![poll(&[(5, 2), (6, 2)])]);
    history.shows(&[
        (
            FindingKind::InconsistentOffsets,
            "Offset 5 of key \"k\" holds one message, but 2 were seen there: 1, 2.",
        ),
        (FindingKind::Duplicate, "2 is in the log of key \"k\" 2 times, at offsets 5, 6."),
    ]);
    let found = check(&history.0).findings;
    assert_eq!(found[&FindingKind::InconsistentOffsets].samples[0].offsets, [5]);
    assert_eq!(found[&FindingKind::Duplicate].samples[0].offsets, [5, 6]);
}

#[test]
fn a_message_whose_send_failed() {
    History::default()
        .add(
            0,
            Outcome::Fail,
            Action::Messages(vec![Step::Send { key: "k", value: 1, offset: None }]),
        )
        .does(1, vec![poll(&[(3, 1)])])
        .shows(&[(
            FindingKind::AbortedRead,
            "Process 1 polled 1 from key \"k\", although the send of process 0 had failed.",
        )]);
}

#[test]
fn a_message_that_nobody_sent() {
    History::default().does(1, vec![poll(&[(3, 1)])]).shows(&[(
        FindingKind::NeverSent,
        "Process 1 polled 1 from key \"k\", which nobody had sent there.",
    )]);
}

#[test]
fn a_message_that_is_lost_and_one_that_is_only_unseen() {
    History::default()
        .does(0, vec![send(1, 1)])
        .does(0, vec![send(2, 2)])
        .does(0, vec![send(3, 3)])
        .does(1, vec![poll(&[(2, 2)])])
        .shows(&[
            (
                FindingKind::LostWrite,
                "1 was acknowledged at offset 1 of key \"k\", and nobody ever polled it, although process 1 polled 2 from offset 2 behind it.",
            ),
            (
                FindingKind::Unseen,
                "1 was acknowledged to process 0 for key \"k\", and nobody ever polled it.",
            ),
            (
                FindingKind::Unseen,
                "3 was acknowledged to process 0 for key \"k\", and nobody ever polled it.",
            ),
        ]);
}

#[test]
fn a_message_whose_place_another_one_has_is_not_lost_as_well() {
    History::default()
        .does(0, vec![send(1, 1)])
        .does(1, vec![send(2, 1)])
        .does(2, vec![poll(&[(1, 2)])])
        .shows(&[
            (
                FindingKind::InconsistentOffsets,
                "Offset 1 of key \"k\" holds one message, but 2 were seen there: 1, 2.",
            ),
            (
                FindingKind::Unseen,
                "1 was acknowledged to process 0 for key \"k\", and nobody ever polled it.",
            ),
        ]);
}

#[test]
fn a_lost_message_of_an_operation_that_nobody_was_told_of() {
    History::default()
        .add(0, Outcome::Unknown, Action::Messages(vec![send(1, 1), send(2, 2)]))
        .does(1, vec![poll(&[(2, 2)])])
        .shows(&[(
            FindingKind::LostWrite,
            "1 was sent, as another message of the same operation was polled, at offset 1 of key \"k\", and nobody ever polled it, although process 1 polled 2 from offset 2 behind it.",
        )]);
}

#[test]
fn an_unseen_message_without_an_offset_stops_nothing() {
    // Upstream's checker throws where no message that was read has a known offset.
    History::default()
        .does(0, vec![Step::Send { key: "k", value: 1, offset: None }])
        .does(1, vec![Step::Poll(vec![("k", Vec::new())])])
        .shows(&[(
            FindingKind::Unseen,
            "1 was acknowledged to process 0 for key \"k\", and nobody ever polled it.",
        )]);
}

/// Four messages at 10, 20, 30 and 40, all of which somebody polls in the end.
fn four() -> History {
    let all = [(10, 1), (20, 2), (30, 3), (40, 4)];
    all.iter()
        .fold(History::default(), |history, &(offset, value)| {
            history.does(0, vec![send(value, offset)])
        })
        .does(9, vec![poll(&all)])
}

#[test]
fn polls_that_skip_or_go_back() {
    four().does(1, vec![poll(&[(10, 1)])]).does(1, vec![poll(&[(40, 4)])]).shows(&[(
        FindingKind::PollSkip,
        "Process 1 polled offset 10 of key \"k\" and next offset 40, which leaves out 20, 30.",
    )]);
    four().does(1, vec![poll(&[(20, 2)])]).does(1, vec![poll(&[(10, 1)])]).shows(&[(
        FindingKind::NonmonotonicPoll,
        "Process 1 polled offset 20 of key \"k\" and next offset 10, which is before it.",
    )]);
    four().does(1, vec![poll(&[(20, 2)])]).does(1, vec![poll(&[(20, 2)])]).shows(&[(
        FindingKind::NonmonotonicPoll,
        "Process 1 polled offset 20 of key \"k\" and next offset 20, which is the same.",
    )]);
    four().does(1, vec![poll(&[(10, 1), (30, 3)])]).shows(&[(
        FindingKind::IntPollSkip,
        "Process 1 polled offset 10 of key \"k\" and then, in the same operation, offset 30, which leaves out 20.",
    )]);
    four().does(1, vec![poll(&[(20, 2), (10, 1)])]).shows(&[(
        FindingKind::IntNonmonotonicPoll,
        "Process 1 polled offset 20 of key \"k\" and then, in the same operation, offset 10, which is before it.",
    )]);
}

#[test]
fn of_what_is_skipped_the_first_are_named() {
    for (last, more) in [(34, ""), (35, " and 1 more"), (40, " and 6 more")] {
        let sends = (1..=last).map(|value| send(value, value)).collect();
        let all: Vec<_> = (1..=last).map(|value| (value, value)).collect();
        let history = History::default().does(0, sends).does(2, vec![poll(&all)]);
        let named: Vec<String> = (2..34).map(|offset| offset.to_string()).collect();
        let says = format!(
            "Process 1 polled offset 1 of key \"k\" and next offset {last}, which leaves out {}{more}.",
            named.join(", ")
        );
        let skips =
            history.does(1, vec![poll(&all[..1])]).does(1, vec![poll(&all[all.len() - 1..])]);
        skips.shows(&[(FindingKind::PollSkip, &says)]);
        let found = &check(&skips.0).findings[&FindingKind::PollSkip].samples[0];
        assert_eq!(found.skipped, (2..34).collect::<Vec<_>>());
    }
}

#[test]
fn who_is_assigned_other_keys_or_crashes_may_begin_anew() {
    let assign = |keys: &[&'static str]| Action::Assign(keys.to_vec());
    let moved = |action| {
        four()
            .does(1, vec![poll(&[(30, 3)])])
            .add(1, Outcome::Ok, action)
            .does(1, vec![poll(&[(10, 1)])])
    };
    moved(assign(&["other"])).shows(&[]);
    moved(Action::Crash).shows(&[]);
    let back = "Process 1 polled offset 30 of key \"k\" and next offset 10, which is before it.";
    moved(assign(&["other", "k"])).shows(&[(FindingKind::NonmonotonicPoll, back)]);
    moved(Action::Subscribe(vec!["k"])).shows(&[(FindingKind::NonmonotonicPoll, back)]);
    // An assignment that failed changes nothing.
    four()
        .does(1, vec![poll(&[(30, 3)])])
        .add(1, Outcome::Fail, assign(&["other"]))
        .does(1, vec![poll(&[(10, 1)])])
        .shows(&[(FindingKind::NonmonotonicPoll, back)]);
}

#[test]
fn sends_that_are_put_in_front_of_earlier_ones() {
    let all = [(1, 2), (2, 1), (3, 3)];
    History::default()
        .does(0, vec![send(1, 2)])
        .does(0, vec![send(2, 1)])
        .does(1, vec![send(3, 3)])
        .does(9, vec![poll(&all)])
        .shows(&[(
            FindingKind::NonmonotonicSend,
            "Process 0 had a message put at offset 2 of key \"k\" and next offset 1, which is before it.",
        )]);
    History::default()
        .does(0, vec![send(1, 2), send(2, 1)])
        .does(1, vec![send(3, 3)])
        .does(9, vec![poll(&all)])
        .shows(&[(
            FindingKind::IntNonmonotonicSend,
            "Process 0 had a message put at offset 2 of key \"k\" and then, in the same operation, offset 1, which is before it.",
        )]);
}

#[test]
fn sends_with_others_in_between_are_allowed() {
    History::default()
        .does(0, vec![send(1, 1), send(3, 3)])
        .does(1, vec![send(2, 2)])
        .does(9, vec![poll(&[(1, 1), (2, 2), (3, 3)])])
        .shows(&[(
            FindingKind::IntSendSkip,
            "Process 0 had a message put at offset 1 of key \"k\" and then, in the same operation, offset 3, which leaves out 2.",
        )]);
}

#[test]
fn what_an_operation_sent_itself() {
    History::default().does(0, vec![send(1, 1), poll(&[(1, 1)])]).shows(&[(
        FindingKind::PrecommittedRead,
        "Process 0 polled 1 from key \"k\" in the operation that sent it.",
    )]);
}

#[test]
fn two_operations_that_saw_each_other() {
    History::default()
        .does(0, vec![send(1, 1), poll(&[(2, 2)])])
        .does(1, vec![send(2, 2), poll(&[(1, 1)])])
        .shows(&[(
            FindingKind::Circular,
            "No order explains this: process 1 (event 2) polled 1, which process 0 had sent (event 0); process 0 (event 0) polled 2, which process 1 had sent (event 2).",
        )]);
}

#[test]
fn a_message_that_was_seen_before_it_was_sent() {
    History::default()
        .does(0, vec![poll(&[(1, 1)])])
        .does(1, vec![send(1, 1)])
        .shows(&[(
            FindingKind::CircularInTime,
            "No order explains this: process 0 had finished what it began with event 0 before process 1 began with event 2; process 0 (event 0) polled 1, which process 1 had sent (event 2).",
        )]);
}

#[test]
fn the_log_of_a_key_is_there_to_be_drawn() {
    let history = four().does(0, vec![send(5, 50)]).does(1, vec![poll(&[(10, 1)])]);
    let history = history.does(1, vec![poll(&[(30, 3)])]);
    let result = check(&history.0);
    let log = &result.keys[0];
    assert_eq!((log.key, &log.unseen), ("k", &vec![5]));
    let places: Vec<_> = log.places.iter().map(|at| (at.offset, at.was_polled, at.skips)).collect();
    assert_eq!(
        places,
        [(10, true, 0), (20, true, 1), (30, true, 0), (40, true, 0), (50, false, 0)]
    );
    assert!(log.places.iter().all(|place| !place.is_lost));
}

#[test]
fn findings_of_a_kind_are_counted_and_the_first_are_shown() {
    let mut history = History::default();
    for value in 0..100 {
        history = history.does(0, vec![send(value, value)]);
    }
    let unseen = &check(&history.0).findings[&FindingKind::Unseen];
    assert_eq!((unseen.count, unseen.samples.len()), (100, 32));
}
