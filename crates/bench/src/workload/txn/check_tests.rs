//! Histories by hand: what is found in them, in which names and words.

use super::*;
use crate::exhibit::Clue;

/// One transaction after the other; each begins when the one before has returned.
struct Told {
    objects: Objects,
    events: Vec<Event<Txn>>,
}

impl Told {
    fn of(objects: Objects) -> Self {
        Self { objects, events: Vec::new() }
    }

    fn event(mut self, process: u64, kind: EventKind, text: &str) -> Self {
        let index = self.events.len() as u64;
        let txn = Txn::read(self.objects, text).unwrap();
        self.events.push(Event::of_client(index, index * 1000, process, kind, txn));
        self
    }

    /// Asked and answered.
    fn txn(self, process: u64, kind: EventKind, asked: &str, done: &str) -> Self {
        self.event(process, EventKind::Invoke, asked).event(process, kind, done)
    }

    fn check(&self, models: &str) -> Checked {
        check(self.objects, &models.parse().unwrap(), &self.events)
    }

    fn verdict(&self, models: &str) -> Verdict {
        self.check(models).verdict
    }
}

use EventKind::{Fail, Info, Invoke, Ok as Done};
use Objects::{Lists, Registers};

#[test]
fn a_lost_update_has_its_cycle_its_names_and_its_words() {
    let read_then = |value| format!(r#"[["r",1,null],["append",1,{value}]]"#);
    let told = Told::of(Lists)
        .event(0, Invoke, &read_then(1))
        .event(1, Invoke, &read_then(2))
        .event(0, Done, &read_then(1))
        .event(1, Done, &read_then(2))
        .txn(2, Done, r#"[["r",1,null]]"#, r#"[["r",1,[1,2]]]"#);
    let checked = told.check("snapshot-isolation");
    assert_eq!(checked.verdict, Verdict::Invalid);
    let results = &checked.results;
    assert_eq!(results["valid?"], false);
    assert_eq!(results["anomaly-types"], json!(["lost-update", "G-single-item"]));
    assert_eq!(results["not"], json!(["cursor-stability", "update-atomic"]), "{results:#}");
    let also_not = results["also-not"].as_array().unwrap();
    assert!(also_not.contains(&json!("strict-serializable")), "{also_not:?}");
    let cycle = &results["anomalies"]["G-single-item"][0];
    let types: Vec<_> = cycle["steps"].as_array().unwrap().iter().map(|it| &it["type"]).collect();
    assert_eq!(types, ["rw", "ww"], "{cycle:#}");
    assert_eq!(cycle["transactions"][0]["process"], 1);
    assert_eq!(cycle["transactions"][0]["invoked"], 1);
    assert_eq!(cycle["transactions"][0]["value"], json!([["r", 1, null], ["append", 1, 2]]));
    assert_eq!(checked.causes[0], "not snapshot-isolation: lost-update (1), G-single-item (1)");
    let cause = &checked.causes[2];
    assert!(cause.starts_with("G-single-item: a transaction saw one effect of another"), "{cause}");
    assert!(cause.contains("T1 read key 1 as empty and did not see that T0 appended 1"), "{cause}");
    assert!(cause.contains("of process 1, events 1 to 3."), "{cause}");
    assert_eq!(told.verdict("read-committed"), Verdict::Valid);
}

#[test]
fn a_stale_read_breaks_real_time_and_nothing_else() {
    let told = Told::of(Lists)
        .txn(0, Done, r#"[["append",1,1]]"#, r#"[["append",1,1]]"#)
        .txn(1, Done, r#"[["r",1,null]]"#, r#"[["r",1,null]]"#)
        .txn(2, Done, r#"[["r",1,null]]"#, r#"[["r",1,[1]]]"#);
    assert_eq!(told.verdict("serializable"), Verdict::Valid);
    assert_eq!(told.verdict("strong-session-serializable"), Verdict::Valid);
    assert_eq!(told.verdict("serializable,strict-serializable"), Verdict::Invalid);
}

#[test]
fn what_a_failed_transaction_wrote_must_not_be_read_and_an_unknown_one_may() {
    for (kind, verdict) in [(Fail, Verdict::Invalid), (Info, Verdict::Valid)] {
        for (objects, write, read) in
            [(Lists, "append", r#"[["r",1,[1]]]"#), (Registers, "w", r#"[["r",1,1]]"#)]
        {
            let write = format!(r#"[["{write}",1,1]]"#);
            let told = Told::of(objects).txn(0, kind, &write, &write).txn(
                1,
                Done,
                r#"[["r",1,null]]"#,
                read,
            );
            let checked = told.check("read-committed");
            assert_eq!(checked.verdict, verdict, "{kind:?} {objects:?}: {:?}", checked.causes);
            assert_ne!(told.verdict("read-uncommitted"), Verdict::Invalid);
        }
    }
}

/// jepsen-io/maelstrom#56: without an order of each register's versions this cycle is invisible.
#[test]
fn a_write_cycle_of_registers_is_found_where_keys_have_to_be_linearizable() {
    let told = Told::of(Registers)
        .event(0, Invoke, r#"[["w",1,1],["w",2,1]]"#)
        .event(1, Invoke, r#"[["w",1,2],["w",2,2]]"#)
        .txn(2, Done, r#"[["r",1,null]]"#, r#"[["r",1,1]]"#)
        .txn(2, Done, r#"[["r",2,null]]"#, r#"[["r",2,2]]"#)
        .event(0, Done, r#"[["w",1,1],["w",2,1]]"#)
        .event(1, Done, r#"[["w",1,2],["w",2,2]]"#)
        .txn(2, Done, r#"[["r",1,null]]"#, r#"[["r",1,2]]"#)
        .txn(2, Done, r#"[["r",2,null]]"#, r#"[["r",2,1]]"#);
    let checked = told.check("strict-serializable");
    assert_eq!(checked.verdict, Verdict::Invalid);
    let types = checked.results["anomaly-types"].as_array().unwrap();
    assert!(types.contains(&json!("G0")), "{types:?}");
    assert_eq!(checked.results["assuming-keys-are"], "linearizable");
    // What was assumed follows from this model and from no weaker one.
    assert_eq!(checked.results["not"], json!(["strict-serializable"]), "{}", checked.results);
    assert!(checked.causes[1].contains("each key by itself is linearizable"));
    assert_eq!(told.verdict("serializable"), Verdict::Valid, "no order of versions is known");
}

#[test]
fn a_stale_read_of_a_register_is_found_where_keys_have_to_be_linearizable() {
    let told = Told::of(Registers)
        .txn(0, Done, r#"[["w",1,1]]"#, r#"[["w",1,1]]"#)
        .txn(0, Done, r#"[["w",1,2]]"#, r#"[["w",1,2]]"#)
        .txn(1, Done, r#"[["r",1,null]]"#, r#"[["r",1,1]]"#);
    assert_eq!(told.verdict("strict-serializable"), Verdict::Invalid);
    for weaker in ["serializable", "strong-session-serializable", "read-committed"] {
        assert_eq!(told.verdict(weaker), Verdict::Valid, "{weaker}");
    }
}

#[test]
fn nothing_is_said_of_transactions_that_have_nothing_to_do_with_each_other() {
    let told = Told::of(Lists).event(0, Invoke, r#"[["append",1,1]]"#);
    let checked = told.check("serializable");
    assert_eq!(checked.verdict, Verdict::Unknown);
    assert_eq!(checked.causes, ["no transaction depends on another, so nothing can be said"]);
    assert_eq!(checked.results["anomaly-types"], json!(["empty-transaction-graph"]));
}

#[test]
fn a_model_of_which_nothing_is_looked_for_is_not_called_right() {
    let told = Told::of(Lists).txn(0, Done, r#"[["append",1,1]]"#, r#"[["append",1,1]]"#).txn(
        1,
        Done,
        r#"[["r",1,null]]"#,
        r#"[["r",1,[1]]]"#,
    );
    let checked = told.check("causal,sequential");
    assert_eq!(checked.verdict, Verdict::Unknown);
    let nothing =
        "no anomaly that is looked for rules out causal or sequential: nothing is said of it";
    assert_eq!(checked.causes, [nothing]);
    let checked = told.check("causal,read-committed");
    assert_eq!(checked.verdict, Verdict::Valid);
    assert_eq!(checked.notes.len(), 1, "{:?}", checked.notes);
    assert!(told.check("read-committed").notes.is_empty());
}

#[test]
fn a_history_in_which_a_value_is_written_twice_is_refused_with_the_reason() {
    let write = r#"[["append",1,1]]"#;
    let checked =
        Told::of(Lists).txn(0, Done, write, write).txn(1, Done, write, write).check("serializable");
    assert_eq!(checked.verdict, Verdict::Unknown);
    assert!(checked.causes[0].contains("value 1 was written to key 1 twice"), "{checked:?}");
}

#[test]
fn a_cycle_is_shown_with_the_micro_operations_on_which_it_rests() {
    let told = Told::of(Lists)
        .event(0, Invoke, r#"[["r",1,null],["r",7,null],["append",1,1]]"#)
        .event(1, Invoke, r#"[["r",1,null],["append",1,2]]"#)
        .event(0, Done, r#"[["r",1,null],["r",7,null],["append",1,1]]"#)
        .event(1, Done, r#"[["r",1,null],["append",1,2]]"#)
        .txn(2, Done, r#"[["r",1,null]]"#, r#"[["r",1,[1,2]]]"#);
    let checked = told.check("serializable");
    let lead = checked.lead.unwrap();
    assert!(checked.causes.iter().any(|cause| cause.contains(&lead.text)), "{lead:?}");
    let invoked: Vec<_> = lead.operations.iter().map(|shown| shown.invoked).collect();
    assert_eq!(invoked, [0, 1]);
    let exhibit = &checked.exhibits[0];
    assert!(exhibit.is_evidence && exhibit.title.starts_with("G-single-item: "), "{exhibit:?}");
    let crate::exhibit::Drawing::Cycle(cycle) = &exhibit.drawing else { panic!("{exhibit:?}") };
    let of = |name: &str| cycle.members.iter().position(|member| member.name == name).unwrap();
    let parts: Vec<_> = cycle.members[of("T0")]
        .parts
        .iter()
        .map(|part| (part.text.as_str(), part.is_involved))
        .collect();
    assert_eq!(parts, [("r 1 → null", true), ("r 7 → null", false), ("append 1 1", true)]);
    let steps: Vec<_> = cycle
        .steps
        .iter()
        .map(|step| (step.from, step.to, step.kind.as_str(), step.about.as_str()))
        .collect();
    let (first, second) = (of("T0"), of("T1"));
    let expected = [
        (second, first, "rw", "key 1: nothing, then 1"),
        (first, second, "ww", "key 1: 1, then 2"),
    ];
    assert_eq!(steps, expected);
    // What the models asked for allow is not shown.
    assert!(told.check("read-committed").exhibits.is_empty());
}

/// A fault may take away what was written, but makes no value.
#[test]
fn what_nobody_wrote_is_blamed_on_no_fault() {
    let garbage = Told::of(Registers).txn(0, Done, r#"[["r",1,null]]"#, r#"[["r",1,0]]"#);
    let lead = garbage.check("read-committed").lead.unwrap();
    assert!(lead.text.contains("which nobody ever wrote"), "{}", lead.text);
    assert_eq!(lead.clue, Clue::None);
}

#[test]
fn of_two_reads_that_exclude_each_other_what_one_lacks_is_looked_for_or_else_who_answered() {
    let clue = |first: &str, second: &str| {
        let read = |list: &str| format!(r#"[["r",1,{list}]]"#);
        let ask = r#"[["r",1,null]]"#;
        let told = Told::of(Lists)
            .txn(0, Done, r#"[["append",1,1]]"#, r#"[["append",1,1]]"#)
            .txn(1, Done, r#"[["append",1,2]]"#, r#"[["append",1,2]]"#)
            .txn(2, Done, ask, &read(first))
            .txn(3, Done, ask, &read(second));
        told.check("read-committed").lead.unwrap()
    };
    let apart = clue("[1]", "[2]");
    let Clue::Unseen { missed } = &apart.clue else { panic!("{:?}", apart.clue) };
    let mut pairs: Vec<_> =
        missed.iter().map(|it| (&*it.reader.name, &*it.writer.name, &*it.key)).collect();
    pairs.sort_unstable();
    assert_eq!(pairs, [("T2", "T1", "1"), ("T3", "T0", "1")]);
    assert_eq!(apart.operations.len(), 4, "those that wrote are shown as well");
    let both = clue("[1,2]", "[2,1]").clue;
    assert!(matches!(&both, Clue::Orders { .. }), "{both:?}");
}

/// What came later cannot be what a read should have seen: it was put before what that read had.
#[test]
fn a_write_after_a_read_is_not_what_the_read_missed() {
    let told = Told::of(Lists)
        .txn(0, Done, r#"[["append",1,1],["r",1,null]]"#, r#"[["append",1,1],["r",1,[1]]]"#)
        .txn(1, Done, r#"[["append",1,2]]"#, r#"[["append",1,2]]"#)
        .txn(2, Done, r#"[["r",1,null]]"#, r#"[["r",1,[2,1]]]"#);
    let clue = told.check("read-committed").lead.unwrap().clue;
    let Clue::Unseen { missed } = &clue else { panic!("{clue:?}") };
    assert_eq!(missed.len(), 1);
    assert_eq!((&*missed[0].reader.name, &*missed[0].writer.name), ("T1", "T0"));
}
