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

mod foreign;

fn options(workload: &str) -> Options {
    Options::new(registry::named(workload)).with_nodes(3)
}

fn check_text(workload: &str, text: &str) -> Result<Results, String> {
    let options = options(workload);
    // A small buffer, so that forms lie across its ends.
    let input = BufReader::with_capacity(16, text.as_bytes());
    let history = read(input, &options).map_err(|error| error.to_string())?;
    Ok(analyse_history(&options, &Subject::default(), &*history, false, &mut || false))
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

#[test]
fn what_is_no_text_of_utf_8_is_refused_for_what_it_is() {
    let told = |bytes: &[u8]| {
        let input = BufReader::with_capacity(16, bytes);
        read(input, &options("g-set")).map(drop).unwrap_err().to_string()
    };
    assert!(told(b"\x1f\x8b\x08\x00\x00").contains("`gunzip`"));
    assert!(told(b"\x28\xb5\x2f\xfd\x04").contains("`unzstd`"));
    assert!(told(b"\xff\xfe{\0\"\0").contains("`iconv -f UTF-16"));
    assert!(told(b"JEPSEN\0\0\0\x01\0\0").contains("`history.edn` beside it"));
}

#[test]
fn a_mark_of_utf_8_before_a_history_is_no_part_of_it() {
    let lines = r#"{"process":0,"type":"invoke","f":"add","value":1}
{"process":0,"type":"ok","f":"add","value":1}
{"process":0,"type":"invoke","f":"read","value":null}
{"process":0,"type":"ok","f":"read","value":[1]}
"#;
    for text in [lines.to_owned(), as_edn(lines)] {
        let marked = check_text("g-set", &format!("\u{feff}{text}")).expect("a history");
        assert_eq!(marked.valid, Some(Verdict::Valid));
    }
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
        let then = analyse_history(&options, &subject, &*record.history, false, &mut || false);
        let text = written(&record);
        assert!(text.lines().count() > 100, "{}", kind.name);
        for text in [text.clone(), as_edn(&text)] {
            let history = read(text.as_bytes(), &options).unwrap();
            let now = analyse_history(&options, &subject, &*history, false, &mut || false);
            assert_eq!(now, then, "{}", kind.name);
        }
    }
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
        ("nonsense", "line 3: this is no event of a history: it is no JSON from column 2 on"),
        (r#"{"process":0,"type":"ok","value":1}"#, "line 3: `f`: not there"),
        (
            r#"{"process":0,"type":"done","f":"read"}"#,
            "line 3: `type` is invoke, ok, fail or info, not `done`",
        ),
        (
            r#"{"process":"x","type":"ok","f":"read"}"#,
            "line 3: `process` is a number or `nemesis`, not \"x\"",
        ),
        (
            r#"{"process":0,"type":"ok","f":"add"}"#,
            "line 3: this workload has no function `add`; those that have it are g-set, g-counter, \
             pn-counter",
        ),
        (
            r#"{"process":0,"type":"ok","f":"release"}"#,
            "line 3: this workload has no function `release`; the one that has it is lock",
        ),
        (r#"{"process":0,"type":"ok","f":"sing"}"#, "line 3: this workload has no function `sing`"),
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
            "[[0 1 0 :ok :read]]",
            "line 1: this is no event of a history: it is a list and should be an object",
        ),
        (
            "{:index \"1\"}",
            "line 1: this is no event of a history: a field of it is the string \"1\" and should be an \
             integer",
        ),
        (
            "hello",
            "line 1: this is no event of a history: it is the string \"hello\" and should be an object",
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

/// Its results lie beside it and say so.
#[test]
fn what_a_run_of_ours_that_was_cut_short_did_not_come_to_is_not_lost() {
    let directory = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(directory.path().join(file), text).unwrap();
    let text = one_after_another(&[("add", "1", "1"), ("read", "null", "[]")]);
    write(history::FILE, &text.replace("true", "false"));
    let judge = |file: &str| {
        let path = directory.path().join(file);
        let results = check(&args(path.to_str().unwrap(), &["-w", "g-set"])).unwrap();
        assert_eq!(results.cut_short, results.judgement.text.contains("did not come to its end"));
        (results.verdict(), causes(&results))
    };
    write(results::FILE, r#"{"valid?":"unknown"}"#);
    assert_eq!(judge("").0, Verdict::Invalid);
    write(results::FILE, r#"{"valid?":"unknown","cut-short":true}"#);
    let (verdict, why) = judge("");
    assert_eq!(
        (verdict, why.lines().next()),
        (Verdict::Unknown, Some("the run was ended before its time"))
    );
    assert_eq!(judge(history::FILE), (verdict, why));
    // Another history that somebody put there is not that of the run.
    std::fs::rename(directory.path().join(history::FILE), directory.path().join("mine.jsonl"))
        .unwrap();
    assert_eq!(judge("mine.jsonl").0, Verdict::Invalid);
}
