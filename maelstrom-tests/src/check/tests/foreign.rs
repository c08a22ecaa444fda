//! Histories of others: of Jepsen, of Elle, and as people write them by hand.

use std::io::BufReader;

use checkers::Verdict;

use super::super::read;
use super::{causes, check_text, one_after_another, options};
use crate::analysis::{Subject, analyse_history};

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

/// Each of Jepsen's `independent` sets is one of its own, and no element is in all of them.
#[test]
fn sets_with_keys_are_refused_and_not_judged_as_one() {
    let history = |seen: &str| {
        format!(
            "{{:type :invoke, :process 0, :f :add, :value [0 3]}}
             {{:type :ok, :process 0, :f :add, :value [0 3]}}
             {{:type :invoke, :process 0, :f :read, :value [0 nil]}}
             {{:type :ok, :process 0, :f :read, :value {seen}}}"
        )
    };
    let flaw = check_text("g-set", &history("[0 #{3}]")).unwrap_err();
    assert!(flaw.starts_with("line 4: a read has [0,[3]], a key with its set"), "{flaw}");
    // Pairs are elements like any other.
    assert_eq!(check_text("g-set", &history("[[0 3]]")).unwrap().verdict(), Verdict::Valid);
    assert_eq!(check_text("g-set", &history("[[1 3] [1 4]]")).unwrap().verdict(), Verdict::Invalid);
    // Where nothing was asked for, a list is an element, too.
    let mixed = history("[7 [0 3]]").replace("[0 nil]", "nil");
    assert_eq!(check_text("g-set", &mixed).unwrap().verdict(), Verdict::Valid);
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
        analyse_history(&options, &Subject::default(), &*history, false, &mut || false)
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

/// Jepsen gives it to operations that are in no history.
#[test]
fn a_time_may_be_written_as_a_float() {
    let history = "{:process 0 :type :invoke :f :generate :value nil :time 1.5e9 :index 0}\n\
                   {:process 0 :type :ok :f :generate :value 7 :time 3000000000.0 :index 1}\n";
    let results = check_text("unique-ids", history).unwrap();
    assert_eq!(results.verdict(), Verdict::Valid);
    assert_eq!(results.latencies.unwrap().all.unwrap().max, 1_500_000_000);
    let flaw = check_text("unique-ids", &history.replace("1.5e9", "##NaN")).unwrap_err();
    let told = "line 1: this is no event of a history: `time` is the string \"NaN\" and should be an integer";
    assert_eq!(flaw, told);
}

#[test]
fn what_is_no_json_in_a_history_is_told_as_it_was_written() {
    let history = r#"{"process":0,"type":"ok","f":"generate","value":NaN}"#;
    let flaw = check_text("unique-ids", history).unwrap_err();
    assert!(
        flaw.starts_with("line 1: this is no event of a history: `NaN` in it is no JSON: "),
        "{flaw}"
    );
}

#[test]
fn a_negative_index_is_none() {
    let text = "{:type :invoke, :process 0, :f :generate, :index -1}
                {:type :ok, :process 0, :f :generate, :value 7, :index -1}";
    assert_eq!(check_text("unique-ids", text).unwrap().verdict(), Verdict::Valid);
    let text = text.replace("-1", "x");
    assert!(check_text("unique-ids", &text).is_err());
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

/// As Jepsen's generator ends: each client crashes, looks at the brokers, and reads everything once more.
#[test]
fn what_a_client_of_logs_asks_for_to_show_it_is_passed_over() {
    let history = log_history(&[
        (0, "ok", "send", "[[:send 1 5]]", "[[:send 1 [0 5]]]"),
        (0, "info", "crash", "nil", "nil"),
        (1, "ok", "debug-topic-partitions", "(1)", "{1 {:leader \"n1\"}}"),
        (2, "fail", "debug-topic-partitions", "(1)", ":not-supported"),
        (1, "ok", "assign", "(1)", "(1)"),
        (1, "ok", "poll", "[[:poll]]", "[[:poll {1 [[0 5]]}]]"),
    ]);
    let results = check_text("kafka", &history).unwrap();
    assert_eq!((results.verdict(), causes(&results)), (Verdict::Valid, String::new()));
    assert_eq!(results.notes, [""; 0]);
    let lost = history.replace("{1 [[0 5]]}", "{}");
    assert_eq!(check_text("kafka", &lost).unwrap().verdict(), Verdict::Invalid);
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
