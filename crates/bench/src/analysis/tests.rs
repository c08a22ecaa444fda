use checkers::history::{Event, OpError};
use checkers::{Action, Kind, Verdict};
use proto::Json;

use super::*;
use crate::workload::{Stored, registry, workload};

/// What clients did, one after another: process, outcome, function, value, and whether it was final.
type Step<'a> = (u64, Kind, &'a str, &'a str, bool);

/// The verdict and the causes of a run of this workload that ended before its time, or did not.
fn judged(name: &str, steps: &[Step<'_>], interrupted: bool) -> (Verdict, Vec<String>) {
    let options = Options::new(registry::named(name)).with_nodes(2);
    let mut events: Vec<Event<Stored>> = Vec::new();
    for &(process, outcome, f, value, is_final) in steps {
        for kind in [Kind::Invoke, outcome] {
            let text = match (kind, f) {
                (Kind::Invoke, "read" | "generate") => "null",
                _ => value,
            };
            let index = events.len() as u64;
            let key = matches!(f, "write" | "read" | "cas").then(|| Json::from(0));
            let stored = Stored { f: f.to_owned(), key, text: text.to_owned(), kind };
            let event = Event::of_client(index, index * 1_000_000, process, kind, ());
            let Event { index, time, process, kind, .. } = event;
            let error = (kind == Kind::Fail).then(|| Box::new(OpError::NetTimeout));
            let action = Action::Client(stored);
            events.push(Event { index, time, process, kind, action, error, is_final });
        }
    }
    let history = workload(&options).restore(events).expect("a history of the workload");
    let record = Record { history, interrupted, ..Record::of_no_run(&options, Vec::new()) };
    let results = analyse(&options, &Subject::default(), &record, &[], &mut || interrupted);
    (results.verdict(), results.judgement.causes)
}

const ADDED_AND_READ: [Step<'_>; 3] = [
    (0, Kind::Ok, "add", "1", false),
    (1, Kind::Ok, "add", "2", false),
    (0, Kind::Ok, "read", "[1,2]", false),
];

#[test]
fn what_was_not_seen_everywhere_is_not_lost_yet_in_a_run_that_was_cut_short() {
    let read = |process, is_final| (process, Kind::Ok, "read", "[2]", is_final);
    let early = [&ADDED_AND_READ[..], &[read(1, false)]].concat();
    let (verdict, causes) = judged("g-set", &early, true);
    assert_eq!(verdict, Verdict::Unknown);
    assert_eq!(
        causes,
        [
            "the run was ended before its time",
            "1 of 2 elements were missed by the last reads, which came too early to say that they are gone"
        ]
    );
    // Had it had its time, that would be all that comes.
    let (verdict, causes) = judged("g-set", &early, false);
    assert_eq!(verdict, Verdict::Invalid);
    assert!(causes[0].starts_with("1 of 2 elements were there and are gone"), "{causes:?}");
    // A final read has waited for it.
    let late = [&ADDED_AND_READ[..], &[read(1, true)]].concat();
    let (verdict, causes) = judged("g-set", &late, true);
    assert_eq!(verdict, Verdict::Invalid);
    assert!(causes[0].starts_with("1 of 2 elements were there and are gone"), "{causes:?}");
    assert_eq!(causes.last().map(String::as_str), Some("the run was ended before its time"));
}

#[test]
fn what_cannot_be_is_wrong_also_in_a_run_that_was_cut_short() {
    let twice = [&ADDED_AND_READ[..], &[(1, Kind::Ok, "read", "[1,2,2]", false)]].concat();
    let (verdict, causes) = judged("g-set", &twice, true);
    assert_eq!((verdict, &*causes[0]), (Verdict::Invalid, "1 elements came twice in one read"));
    let same = [(0, Kind::Ok, "generate", "7", false), (1, Kind::Ok, "generate", "7", false)];
    let (verdict, causes) = judged("unique-ids", &same, true);
    assert_eq!(verdict, Verdict::Invalid, "{causes:?}");
    assert_ne!(causes[0], "the run was ended before its time");
}

#[test]
fn a_run_that_was_cut_short_had_no_time_for_a_success_of_each_kind() {
    let steps = [(0, Kind::Ok, "add", "1", false), (1, Kind::Fail, "read", "null", false)];
    for (interrupted, verdict) in [(true, Verdict::Unknown), (false, Verdict::Invalid)] {
        let (judged, causes) = judged("g-counter", &steps, interrupted);
        assert_eq!(judged, verdict, "{causes:?}");
        assert!(causes.contains(&"not one read succeeded (1 tried)".to_owned()), "{causes:?}");
    }
}

/// A checker that searches is told to end by what has ended the run. Here it tries which of the changes that
/// nobody answered have been, and when, until none is left for the last read.
#[test]
fn the_search_goes_on_when_the_run_has_ended_before_its_time() {
    let changes = ["[0,1]", "[1,2]", "[2,0]", "[1,0]", "[2,1]", "[0,2]"].into_iter().cycle();
    let changes = (2..).zip(changes.take(36));
    let changes = changes.map(|(process, change)| (process, Kind::Info, "cas", change, false));
    let reads = ["1", "2", "0"].into_iter().cycle().take(37);
    let reads = reads.map(|value| (1, Kind::Ok, "read", value, false));
    let written = (0, Kind::Ok, "write", "0", false);
    let steps: Vec<_> = std::iter::once(written).chain(changes).chain(reads).collect();
    let (verdict, causes) = judged("lin-kv", &steps, true);
    assert_eq!(verdict, Verdict::Invalid, "{causes:?}");
}

#[test]
fn a_fault_in_which_nobody_asked_is_told_as_that() {
    let options = Options::new(registry::named("g-set")).with_nodes(2);
    let fault = |index, f: &str| Event {
        index,
        time: index,
        process: Process::Nemesis,
        kind: Kind::Info,
        action: Action::Nemesis { f: f.into(), value: Box::default() },
        error: None,
        is_final: false,
    };
    let events = vec![fault(0, "start-kill"), fault(1, "stop-kill")];
    let history = workload(&options).restore(events).expect("a history of the workload");
    let record = Record { history, ..Record::of_no_run(&options, Vec::new()) };
    let notes = notes(&options, &record, &[]);
    let told = "while `kill` was on (from 0.0 s to 0.0 s) no operation began: the run says little";
    assert!(notes[0].starts_with(told), "{notes:?}");
}
