//! Stored histories say what they said when they were made, and histories of others are understood.

use std::io::BufReader;

use checkers::Verdict;
use serde_json::Value;

use super::*;
use crate::harness::Record;
use crate::options::FaultKind;
use crate::programs::{CONSENSUS, GOSSIPER, IDENTIFIER};
use crate::progress::Silent;
use crate::simulated::simulate;
use crate::store::RunDirectory;
use crate::workload::registry;

fn options(workload: &str) -> Options {
    Options::new(registry::named(workload)).with_nodes(3)
}

fn check_text(workload: &str, text: &str) -> Result<Results, String> {
    let options = options(workload);
    // A small buffer, so that forms lie across its ends.
    let input = BufReader::with_capacity(16, text.as_bytes());
    let history = read(input, &options).map_err(|error| error.to_string())?;
    Ok(analyse_history(&options, &Subject::default(), &*history, &mut || false))
}

fn causes(results: &Results) -> String {
    results.judgement.causes.join("\n")
}

/// A history as `history.jsonl` has it.
fn written(record: &Record) -> String {
    let mut text = Vec::new();
    for event in record.history.events() {
        event.write(&mut text).unwrap();
        text.push(b'\n');
    }
    String::from_utf8(text).unwrap()
}

/// The same as Jepsen would print it.
fn as_edn(history: &str) -> String {
    fn form(value: &Value) -> String {
        match value {
            Value::Null => "nil".to_owned(),
            Value::Array(elements) => {
                format!("[{}]", elements.iter().map(form).collect::<Vec<_>>().join(" "))
            }
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| format!(":{name} {}", form(value)));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
            scalar => scalar.to_string(),
        }
    }
    let keyword = |value: &Value| format!(":{}", value.as_str().unwrap());
    let mut lines = Vec::new();
    for line in history.lines() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let event = event.as_object_mut().unwrap();
        if let Some(key) = event.shift_remove("key") {
            event["value"] = Value::Array(vec![key, event["value"].take()]);
        }
        let fields = event.iter().map(|(name, value)| match &**name {
            "type" | "f" => format!(":{name} {}", keyword(value)),
            "process" if value.is_string() => format!(":{name} {}", keyword(value)),
            _ => format!(":{name} {}", form(value)),
        });
        lines.push(format!("#jepsen.history.Op{{{}}}", fields.collect::<Vec<_>>().join(", ")));
    }
    format!("[{}]\n", lines.join("\n "))
}

#[test]
fn our_own_runs_say_the_same_when_they_are_read_again_from_either_form() {
    // Where a node is asked for another workload than its own, every operation fails.
    let nodes = [
        (IDENTIFIER, "unique-ids", &[][..]),
        (GOSSIPER, "broadcast", &[]),
        (GOSSIPER, "g-set", &["g-set"]),
        (GOSSIPER, "g-counter", &["g-counter"]),
        (GOSSIPER, "pn-counter", &["pn-counter"]),
        (CONSENSUS, "lin-kv", &[]),
    ];
    for kind in registry::all() {
        let (node, _, args) =
            nodes.iter().find(|(_, name, _)| *name == kind.name).unwrap_or(&(IDENTIFIER, "", &[]));
        let mut options = options(kind.name);
        options.time_limit = std::time::Duration::from_secs(8);
        options.nemesis_interval = std::time::Duration::from_secs(2);
        options.rate = 40.0;
        options.nemesis = vec![FaultKind::Partition, FaultKind::Kill];
        options.seed = 7;
        let args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
        let nobody: Option<&RunDirectory> = None;
        let record = simulate(*node, &args, &options, nobody, &mut Silent).unwrap();
        let subject = Subject::default();
        let then = analyse_history(&options, &subject, &*record.history, &mut || false);
        let text = written(&record);
        assert!(text.lines().count() > 100, "{}", kind.name);
        for text in [text.clone(), as_edn(&text)] {
            let history = read(text.as_bytes(), &options).unwrap();
            let now = analyse_history(&options, &subject, &*history, &mut || false);
            assert_eq!(now, then, "{}", kind.name);
        }
    }
}

#[test]
fn a_jepsen_history_of_independent_registers_is_judged_key_by_key() {
    let history = |read: &str| {
        format!(
            "{{:type :invoke, :f :write, :value [0 1], :process 0, :time 10, :index 0}}
             {{:type :invoke, :f :cas, :value [7 [0 1]], :process 1, :time 11, :index 1}}
             {{:type :ok, :f :write, :value #jepsen.independent/tuple [0 1], :process 0, :time 12, :index 2}}
             {{:type :info, :f :start-partition, :value nil, :process :nemesis, :time 13, :index 3}}
             {{:type :fail, :f :cas, :value [7 [0 1]], :process 1, :time 14, :index 4, :error :missing}}
             {{:type :invoke, :f :cas, :value [0 [1 2]], :process 0, :time 15, :index 5}}
             {{:type :ok, :f :cas, :value [0 [1 2]], :process 0, :time 16, :index 6}}
             {{:type :invoke, :f :read, :value [0 nil], :process 1, :time 17, :index 7}}
             {{:type :ok, :f :read, :value [0 {read}], :process 1, :time 18, :index 8}}"
        )
    };
    let right = check_text("lin-kv", &history("2")).unwrap();
    assert_eq!(right.verdict(), Verdict::Valid, "{}", causes(&right));
    let stale = check_text("lin-kv", &history("1")).unwrap();
    assert_eq!(stale.verdict(), Verdict::Invalid);
    assert!(causes(&stale).contains("key 0: "), "{}", causes(&stale));
}

#[test]
fn a_history_of_a_single_register_needs_no_keys() {
    let history = |read: u32| {
        format!(
            "({{:process 0 :type :invoke :f :write :value 1}} {{:process 0 :type :ok :f :write :value 1}}
              {{:process 0 :type :invoke :f :cas :value [1 2]}} {{:process 0 :type :ok :f :cas :value [1 2]}}
              {{:process 0 :type :invoke :f :read :value nil}} {{:process 0 :type :ok :f :read :value {read}}})"
        )
    };
    assert_eq!(check_text("lin-kv", &history(2)).unwrap().verdict(), Verdict::Valid);
    assert_eq!(check_text("lin-kv", &history(1)).unwrap().verdict(), Verdict::Invalid);
}

#[test]
fn sets_and_ids_of_jepsen_are_judged() {
    let set = |seen: &str| {
        format!(
            "{{:type :invoke, :process 0, :f :add, :value 1, :time 1}}
             {{:type :ok, :process 0, :f :add, :value 1, :time 2}}
             {{:type :invoke, :process 0, :f :read, :value nil, :time 3, :final? true}}
             {{:type :ok, :process 0, :f :read, :value {seen}, :time 4, :final? true}}"
        )
    };
    assert_eq!(check_text("g-set", &set("#{1}")).unwrap().verdict(), Verdict::Valid);
    let lost = check_text("g-set", &set("#{}")).unwrap();
    assert_eq!(lost.verdict(), Verdict::Invalid);
    assert!(causes(&lost).contains("lost"), "{}", causes(&lost));

    let ids = |second: &str| {
        format!(
            "[{{:type :invoke, :process 0, :f :generate}} {{:type :ok, :process 0, :f :generate, :value [\"n1\" 1]}}
              {{:type :invoke, :process 0, :f :generate}} {{:type :ok, :process 0, :f :generate, :value {second}}}]"
        )
    };
    assert_eq!(check_text("unique-ids", &ids("[\"n1\" 2]")).unwrap().verdict(), Verdict::Valid);
    assert_eq!(check_text("unique-ids", &ids("[\"n1\" 1]")).unwrap().verdict(), Verdict::Invalid);
}

#[test]
fn transactions_as_elle_has_them_need_neither_function_nor_process_nor_beginning() {
    let options = |models: &str| {
        let mut options = options("txn-list-append");
        let flags = options.workload.kind().flags;
        let flag = flags.iter().find(|flag| flag.name == "consistency-models").unwrap();
        options.settings.set(flag, models).unwrap();
        options
    };
    let check = |text: &str, models: &str| {
        let options = options(models);
        let history = read(BufReader::new(text.as_bytes()), &options).unwrap();
        analyse_history(&options, &Subject::default(), &*history, &mut || false)
    };
    let circle = "{:type :ok, :value [[:append :x 1] [:r :y [1]]]}\n\
                  {:type :ok, :value [[:append :x 2] [:append :y 1]]}\n\
                  {:type :ok, :value [[:r :x [1 2]]]}\n";
    let results = check(circle, "serializable");
    assert_eq!(results.verdict(), Verdict::Invalid);
    assert!(causes(&results).contains("G1c"), "{}", causes(&results));
    // The last line may have happened first: nothing says when any of them did.
    let stale = "{:type :ok, :value [[:append 1 1]]}\n{:type :ok, :value [[:r 1 nil]]}\n";
    assert_eq!(check(stale, "strict-serializable").verdict(), Verdict::Valid);
    let told = "{:type :invoke, :process 0, :value [[:append 1 1]]}\n\
                {:type :ok, :process 0, :value [[:append 1 1]]}\n\
                {:type :invoke, :process 1, :value [[:r 1 nil]]}\n\
                {:type :ok, :process 1, :value [[:r 1 nil]]}\n";
    assert_eq!(check(told, "serializable").verdict(), Verdict::Valid);
    assert_eq!(check(told, "strict-serializable").verdict(), Verdict::Invalid);
}

#[test]
fn an_echo_is_read_from_the_whole_reply_that_maelstrom_stores() {
    let history = |echo: &str| {
        format!(
            "{{:type :invoke, :process 0, :f :echo, :value \"Please echo 117\"}}
             {{:type :ok, :process 0, :f :echo, :value {{:type \"echo_ok\", :in_reply_to 1,
               :echo \"{echo}\", :msg_id 1}}}}"
        )
    };
    let verdict = |echo: &str| check_text("echo", &history(echo)).unwrap().verdict();
    assert_eq!(verdict("Please echo 117"), Verdict::Valid);
    assert_eq!(verdict("Please echo 118"), Verdict::Invalid);
}

#[test]
fn a_line_that_makes_no_sense_is_named() {
    let good =
        r#"{"index":0,"time":1,"process":0,"type":"invoke","f":"read","key":0,"value":null}"#;
    for (second, flaw) in [
        ("nonsense", "line 3: this is no event of a history: expected ident"),
        (r#"{"process":0,"type":"ok","value":1}"#, "line 3: `f`: not there"),
        (
            r#"{"process":0,"type":"done","f":"read"}"#,
            "line 3: `type` is invoke, ok, fail or info, not `done`",
        ),
        (
            r#"{"process":"x","type":"ok","f":"read"}"#,
            "line 3: `process` is a number or `nemesis`, not \"x\"",
        ),
        (r#"{"process":0,"type":"ok","f":"add"}"#, "line 3: this workload has no function `add`"),
    ] {
        let error = check_text("lin-kv", &format!("{good}\n\n{second}\n")).unwrap_err();
        assert_eq!(error, flaw);
    }
    for (text, flaw) in [
        ("{:type :ok\n:f", "line 2: the file ends before `}`"),
        ("{:type :ok}\n", "line 1: `f`: not there"),
        (
            "{:type :invoke, :f :read}\n{:type :invoke, :f :read}",
            "line 2: `process`: not there, so its outcome cannot be told",
        ),
        ("[\n {\"type\": \"ok\"}]", "line 2: `f`: not there"),
        ("[{\"f\":\n [1}", "line 2: the file ends inside of an event"),
        (&format!("[{good},\n"), "line 2: the file ends inside of its list"),
        (&format!("[{good} {{"), "line 1: `{` is where an event of the list should be"),
        (&format!("[{good}]\n]"), "line 2: `]` is where an event of the list should be"),
        (
            "hello",
            "line 1: this is no event of a history: invalid type: string \"hello\", expected struct Line",
        ),
    ] {
        assert_eq!(check_text("lin-kv", text).unwrap_err(), flaw);
    }
}

#[test]
fn a_history_that_nobody_can_have_made_and_an_empty_one_are_unknown() {
    let twice =
        "{:type :ok, :process 0, :f :generate, :value 1} {:type :invoke, :process 0, :f :generate}";
    let results = check_text("unique-ids", twice).unwrap();
    assert_eq!(results.verdict(), Verdict::Unknown);
    assert!(causes(&results).contains("cannot be checked: event 0"), "{}", causes(&results));
    let empty = check_text("unique-ids", "").unwrap();
    assert_eq!(empty.verdict(), Verdict::Unknown);
    assert_eq!(causes(&empty), "the history has no operations, so nothing can be said");
}

#[test]
fn it_is_said_how_much_of_a_history_succeeded() {
    let told = |text: &str| causes(&check_text("g-set", text).unwrap());
    let add = "{:type :invoke, :process 0, :f :add, :value 1} {:type :info, :process 0, :f :add, :value 1}";
    let last = "{:type :invoke, :process 1, :f :read, :final? true}
                {:type :ok, :process 1, :f :read, :value [], :final? true}";
    let one = told(add);
    assert!(one.ends_with("the only operation of the history did not succeed"), "{one}");
    let two = told(&[add, "{:type :invoke, :process 2, :f :read}"].concat());
    assert!(two.ends_with("none of the 2 operations of the history succeeded"), "{two}");
    let final_only = told(&[add, last].concat());
    assert!(
        final_only.ends_with("no operation of the history succeeded before the final ones"),
        "{final_only}"
    );
}

#[test]
fn what_came_to_nothing_may_have_any_value() {
    let text = "{:type :invoke, :process 0, :f :write, :value [0 1]} {:type :ok, :process 0, :f :write, :value [0 1]}
                {:type :invoke, :process 0, :f :cas, :value [0 [1 3]]} {:type :info, :process 0, :f :cas, :value :timed-out}
                {:type :invoke, :process 1, :f :read, :value [0 nil]} {:type :ok, :process 1, :f :read, :value [0 3]}
                {:type :invoke, :process 1, :f :cas, :value [0 [3 4]]} {:type :fail, :process 1, :f :cas, :value nil}";
    let results = check_text("lin-kv", text).unwrap();
    assert_eq!(results.verdict(), Verdict::Valid, "{}", causes(&results));
    // Had the comparison failed, nobody would have written 3.
    let failed = text.replace(":info", ":fail");
    assert_eq!(check_text("lin-kv", &failed).unwrap().verdict(), Verdict::Invalid);
    let other = text.replace(":info, :process 0, :f :cas", ":info, :process 0, :f :write");
    let told = causes(&check_text("lin-kv", &other).unwrap());
    assert!(told.starts_with("the history cannot be checked: event 3"), "{told}");
}

/// That a comparison fails is as right an answer as any; whoever ran a test would want to know.
#[test]
fn a_function_of_which_none_succeeded_is_a_note() {
    let text = "{:type :invoke, :process 0, :f :write, :value [0 1]} {:type :ok, :process 0, :f :write, :value [0 1]}
                {:type :invoke, :process 0, :f :cas, :value [0 [2 3]]} {:type :fail, :process 0, :f :cas, :value [0 [2 3]]}";
    let results = check_text("lin-kv", text).unwrap();
    assert_eq!((results.verdict(), causes(&results)), (Verdict::Valid, String::new()));
    assert_eq!(results.notes, ["not one cas succeeded (1 tried)"]);
    // Nor does it hide what is wrong.
    let read = " {:type :invoke, :process 1, :f :read, :value [0 nil]} {:type :ok, :process 1, :f :read, :value [0 3]}";
    let results = check_text("lin-kv", &[text, read].concat()).unwrap();
    assert_eq!(results.verdict(), Verdict::Invalid);
}

#[test]
fn a_crash_need_not_succeed_and_is_no_reason_for_anything() {
    let text = "{:type :invoke, :process 0, :f :send, :value [[:send 1 5]]}
                {:type :ok, :process 0, :f :send, :value [[:send 1 [0 5]]]}
                {:type :invoke, :process 0, :f :poll, :value [[:poll]]}
                {:type :ok, :process 0, :f :poll, :value [[:poll {1 [[0 5]]}]]}
                {:type :invoke, :process 0, :f :crash, :value nil}
                {:type :info, :process 0, :f :crash, :value nil}";
    let results = check_text("kafka", text).unwrap();
    assert_eq!((results.verdict(), causes(&results)), (Verdict::Valid, String::new()));
}

/// Jepsen gives it to operations that are in no history.
#[test]
fn a_negative_index_is_none() {
    let text = "{:type :invoke, :process 0, :f :generate, :index -1}
                {:type :ok, :process 0, :f :generate, :value 7, :index -1}";
    assert_eq!(check_text("unique-ids", text).unwrap().verdict(), Verdict::Valid);
    let text = text.replace("-1", "x");
    assert!(check_text("unique-ids", &text).is_err());
}

#[test]
fn a_process_may_have_any_number() {
    let text = format!(
        "{{:type :invoke, :process {0}, :f :generate}} {{:type :ok, :process {0}, :f :generate, :value 7}}",
        u64::MAX
    );
    assert_eq!(check_text("unique-ids", &text).unwrap().verdict(), Verdict::Valid);
    // Of the second one nobody knows whose it is.
    let text = text + " {:type :ok, :f :generate, :value 7}";
    let results = check_text("unique-ids", &text).unwrap();
    assert_eq!(results.verdict(), Verdict::Invalid, "{}", causes(&results));
}

#[test]
fn a_transaction_without_beginning_is_told_by_its_place_in_the_file() {
    let text = "{:type :ok, :value [[:append :x 1] [:r :y [1]]]}
                {:type :ok, :value [[:append :x 2] [:append :y 1]]}
                {:type :ok, :value [[:r :x [1 2]]]}";
    let told = causes(&check_text("txn-list-append", text).unwrap());
    assert!(told.contains("T1 is [[\"append\",\"x\",2],[\"append\",\"y\",1]], event 1."), "{told}");
    assert!(!told.contains("process"), "{told}");
}

/// As in the example of Elle's paper: alternately begun and ended, so that it is known what came first.
#[test]
fn transactions_of_nobody_that_begin_and_end_are_of_one_process() {
    let text = "{:index 0 :type :invoke :value [[:append :x 1]]}
                {:index 1 :type :ok     :value [[:append :x 1]]}
                {:index 2 :type :invoke :value [[:r :x nil]]}
                {:index 3 :type :ok     :value [[:r :x nil]]}";
    let told = causes(&check_text("txn-list-append", text).unwrap());
    assert!(told.contains("process 0 did T0 and then T1"), "{told}");
    // With the beginnings left out nobody knows, and all is well.
    let outcomes: Vec<_> = text.lines().skip(1).step_by(2).collect();
    let results = check_text("txn-list-append", &outcomes.join("\n")).unwrap();
    assert_eq!(results.verdict(), Verdict::Valid, "{}", causes(&results));
}

#[test]
fn a_process_of_which_outcomes_alone_are_told_does_one_after_the_other() {
    let text = "{:type :ok, :process 1, :f :txn, :value [[:append :x 1]]}
                {:type :ok, :process 2, :f :txn, :value [[:append :y 1]]}
                {:type :ok, :process 1, :f :txn, :value [[:r :x nil]]}
                {:type :ok, :process 2, :f :txn, :value [[:r :x [1]]]}";
    let told = causes(&check_text("txn-list-append", text).unwrap());
    assert!(told.contains("process 1 did T0 and then T2"), "{told}");
    // Another process may have read before.
    let of_others = text.replacen(":process 1", ":process 3", 1);
    let results = check_text("txn-list-append", &of_others).unwrap();
    assert_eq!(results.verdict(), Verdict::Valid, "{}", causes(&results));
    // Where beginnings are told they are told of all.
    let begun = [text, "{:type :invoke, :process 1, :f :txn, :value [[:append :x 2]]}"].concat();
    let told = causes(&check_text("txn-list-append", &begun).unwrap());
    assert!(told.starts_with("the history cannot be checked: event 0"), "{told}");
}

#[test]
fn a_list_of_json_is_read_as_its_events_are_on_lines() {
    let lines = one_after_another(&[
        ("echo", r#"" {\"]} ""#, r#"" {\"]} ""#),
        ("echo", r#"{"a":[{},[]]}"#, r#"{"a":[{},[]]}"#),
        ("echo", "1", "2"),
    ]);
    let said = |text: &str| {
        let results = check_text("echo", text).unwrap();
        (results.verdict(), causes(&results))
    };
    let lines_said = said(&lines);
    assert_eq!(lines_said.0, Verdict::Invalid);
    let events: Vec<_> = lines.lines().collect();
    for list in [events.join(","), events.join(" ,\n  ")] {
        assert_eq!(said(&format!("[{list}]")), lines_said);
        assert_eq!(said(&format!(" [\n{list}\n]\n")), lines_said);
    }
}

/// Its lock has no name, and nobody who holds it.
#[test]
fn the_mutex_of_jepsen_is_a_lock() {
    let text = "{:type :invoke, :process 0, :f :acquire} {:type :ok, :process 0, :f :acquire}
                {:type :invoke, :process 0, :f :release} {:type :ok, :process 0, :f :release}
                {:type :invoke, :process 1, :f :acquire} {:type :ok, :process 1, :f :acquire}";
    let results = check_text("lock", text).unwrap();
    assert_eq!(results.verdict(), Verdict::Valid, "{}", causes(&results));
    let twice = text.replace(":release", ":acquire");
    assert_eq!(check_text("lock", &twice).unwrap().verdict(), Verdict::Invalid);
}

fn args(history: &str, words: &[&str]) -> Args {
    let line = [&["eddy", "check", history], words].concat();
    match crate::cli::Cli::read(line).unwrap().command {
        crate::cli::Command::Check(args) => args,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_there_is_named_with_what_could_be() {
    let error = check(&args("nowhere", &["-w", "echo", "--store", "no-store"])).unwrap_err();
    let told = "there is no file or directory nowhere, and no run of that name in no-store";
    assert!(error.starts_with(told), "{error}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let error = check(&args(path, &["-w", "echo"])).unwrap_err();
    assert!(error.ends_with("there is no history.jsonl in it, and no history.edn"), "{error}");
}

#[test]
fn messages_that_a_history_has_not_are_not_followed() {
    let error = check(&args("nowhere", &["-w", "unique-ids", "--causal-ids"])).unwrap_err();
    assert!(error.starts_with("--causal-ids follows the messages"), "{error}");
    let error = check(&args("nowhere", &["-w", "unique-ids", "--causal-ids=false"])).unwrap_err();
    assert!(error.starts_with("there is no file"), "{error}");
}

/// A history of one process: each operation with what it asked for and what came.
fn one_after_another(operations: &[(&str, &str, &str)]) -> String {
    let mut text = String::new();
    for (number, (f, asked, came)) in operations.iter().enumerate() {
        for (kind, value, index) in [("invoke", asked, 2 * number), ("ok", came, 2 * number + 1)] {
            text.push_str(&format!(
                "{{\"index\":{index},\"time\":{index},\"process\":0,\"type\":\"{kind}\",\"f\":\"{f}\",\
                 \"value\":{value},\"final?\":{}}}\n",
                number + 1 == operations.len()
            ));
        }
    }
    text
}

/// As in replies: Maelstrom holds 1 and 1.0 to be different.
#[test]
fn a_stored_float_is_no_integer() {
    for (workload, add, read, right, wrong) in [
        ("g-set", ("add", "1", "1"), "null", "[1]", "[1.0]"),
        ("broadcast", ("broadcast", "1", "1"), "null", "[1]", "[1.0]"),
        ("g-counter", ("add", "1", "1"), "null", "1", "1.0"),
        ("lin-kv", ("write", "[0,1]", "[0,1]"), "[0,null]", "[0,1]", "[0,1.0]"),
        ("echo", ("echo", "1", "1"), "1", "1", "1.0"),
        ("unique-ids", ("generate", "null", "1"), "null", "1.0", "1"),
    ] {
        let read_f = if matches!(workload, "echo" | "unique-ids") { add.0 } else { "read" };
        for (came, verdict) in [(right, Verdict::Valid), (wrong, Verdict::Invalid)] {
            let text = one_after_another(&[add, (read_f, read, came)]);
            let results = check_text(workload, &text).unwrap();
            assert_eq!(results.verdict(), verdict, "{workload} {came}: {}", causes(&results));
        }
    }
}

#[test]
fn counters_hold_every_integer_that_fits() {
    let half = ("add", "4000000000000000000", "4000000000000000000");
    for (adds, sum, verdict) in [
        (vec![half; 2], "8000000000000000000", Verdict::Valid),
        (vec![half; 3], "12000000000000000000", Verdict::Valid),
        (vec![half; 9], "36000000000000000000", Verdict::Valid),
        (vec![half; 9], "36000000000000000001", Verdict::Invalid),
        (vec![half; 3], "12000000000000000000.0", Verdict::Invalid),
        (vec![half; 3], "1e400", Verdict::Invalid),
    ] {
        let text = one_after_another(&[adds, vec![("read", "null", sum)]].concat());
        let results = check_text("g-counter", &text).unwrap();
        assert_eq!(results.verdict(), verdict, "{sum}: {}", causes(&results));
    }
}

#[test]
fn a_counter_that_nobody_read_in_the_end_is_valid_with_a_note() {
    let text = one_after_another(&[("add", "1", "1"), ("read", "null", "1")]);
    let notes = |text: &str| check_text("g-counter", text).unwrap().notes;
    assert_eq!(notes(&text), [""; 0]);
    let without = notes(&text.replace("true", "false"));
    assert_eq!(without.len(), 1, "{without:?}");
    assert!(without[0].starts_with("no final read succeeded"), "{without:?}");
}

/// Sets and transactions go by the index, other checkers by the place in the file.
#[test]
fn indexes_ascend_or_there_is_no_telling_what_was_first() {
    let text = one_after_another(&[("add", "1", "1"), ("read", "null", "[1]")]);
    let error = check_text("g-set", &text.repeat(2)).unwrap_err();
    assert_eq!(error, "line 5: its `index`, 0, is not above that of the event before, 3");
}

#[test]
fn a_send_may_not_know_its_offset() {
    let text = "{:type :invoke, :f :send, :value [[:send \"a\" 2]], :process 0, :time 0, :index 0}
                {:type :ok, :f :send, :value [[:send \"a\" [nil 2]]], :process 0, :time 1, :index 1}";
    let results = check_text("kafka", text).unwrap();
    assert!(causes(&results).contains("2 was acknowledged to process 0"), "{}", causes(&results));
}

/// A history of kafka: process, outcome, function, what was asked and what came.
fn log_history(operations: &[(u64, &str, &str, &str, &str)]) -> String {
    let event = |(process, kind, f, asked, came): &(u64, &str, &str, &str, &str)| {
        format!(
            "{{:process {process}, :type :invoke, :f :{f}, :value {asked}}}
             {{:process {process}, :type :{kind}, :f :{f}, :value {came}}}\n"
        )
    };
    operations.iter().map(event).collect()
}

/// Where transactions are on, an operation of Jepsen's workload is several sends and polls, of which all
/// happen or none.
#[test]
fn an_operation_on_logs_may_be_several() {
    const SENT: (u64, &str, &str, &str, &str) = (
        0,
        "ok",
        "send",
        "[[:send :k 1] [:send :k 2] [:send :k 3]]",
        "[[:send :k [0 1]] [:send :k [1 2]] [:send :k [2 3]]]",
    );
    let polled = |process, kind, came| (process, kind, "txn", "[[:poll]]", came);
    let first = polled(1, "ok", "[[:poll {:k [[0 1]]}]]");
    let rest = "[[:poll {:k [[1 2] [2 3]]}]]";
    let all = polled(5, "ok", "[[:poll {:k [[0 1] [1 2] [2 3]]}]]");
    for (operations, kinds) in [
        (vec![SENT, all], vec![]),
        // What comes to nothing is polled again.
        (
            vec![
                SENT,
                first,
                polled(1, "fail", rest),
                polled(1, "info", rest),
                polled(1, "ok", rest),
            ],
            vec![],
        ),
        (vec![SENT, first, polled(1, "info", "[[:poll {:k [[2 3]]}]]"), all], vec!["poll-skip"]),
        (
            vec![SENT, all, polled(1, "ok", "[[:poll {:k [[0 1]]}] [:poll {:k [[2 3]]}]]")],
            vec!["int-poll-skip"],
        ),
        (vec![SENT, all, all], vec!["nonmonotonic-poll"]),
        (
            vec![SENT, all, (5, "ok", "subscribe", "[:k :l]", "[:k :l]"), all],
            vec!["nonmonotonic-poll"],
        ),
        (vec![SENT, all, (5, "ok", "subscribe", "[:l]", "[:l]"), all], vec![]),
        (
            vec![
                (0, "fail", "send", "[[:send :k 1] [:send :l 2]]", "[[:send :k 1] [:send :l 2]]"),
                polled(1, "ok", "[[:poll {:l [[0 2]]}]]"),
                (2, "ok", "send", "[[:send :m 1]]", "[[:send :m [0 1]]]"),
                polled(2, "ok", "[[:poll {:m [[0 1]]}]]"),
            ],
            vec!["G1a"],
        ),
        (
            vec![(
                0,
                "ok",
                "txn",
                "[[:send :k 1] [:poll]]",
                "[[:send :k [0 1]] [:poll {:k [[0 1]]}]]",
            )],
            vec!["precommitted-read"],
        ),
        (
            // That 1 was polled tells that 2 was sent, which is not behind it where 3 is.
            vec![
                (
                    0,
                    "info",
                    "send",
                    "[[:send :k 1] [:send :l 2]]",
                    "[[:send :k 1] [:send :l [0 2]]]",
                ),
                (2, "ok", "send", "[[:send :l 3]]", "[[:send :l [1 3]]]"),
                polled(3, "ok", "[[:poll {:k [[0 1]]}]]"),
                polled(4, "ok", "[[:poll {:l [[1 3]]}]]"),
            ],
            vec!["lost-write"],
        ),
    ] {
        let results = check_text("kafka", &log_history(&operations)).unwrap();
        let found: Vec<String> =
            serde_json::from_value(results.workload["bad-error-types"].clone()).unwrap();
        assert_eq!(found, kinds, "{operations:?}: {}", causes(&results));
    }
}

/// Clojure prints numbers that JSON has not, and objects by their address.
#[test]
fn what_nobody_reads_may_be_anything() {
    let text = "{:type :invoke, :f :add, :value 1, :process 0, :time 0, :index 0}
                {:type :info, :f :add, :value 1, :process 0, :time 1, :index 1,
                 :exception {:via [#object[java.lang.Object 0x5e8c92f4 \"java\"]], :load 1/3, :n 017}}
                {:type :invoke, :f :read, :value nil, :process 1, :time 2, :index 2, :final? true}
                {:type :ok, :f :read, :value [], :process 1, :time 3, :index 3, :final? true}";
    assert!(check_text("g-set", text).is_ok());
}
