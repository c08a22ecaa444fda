//! What a run is said to have failed of: the first sentence names the operation, what it should have seen,
//! and the message or restart that explains it. All of it in virtual time, so times are always the same.

use crate::process_bench::node;
use crate::support::{TemporaryDirectory, run};

/// Runs a line of flags and returns the first sentence.
fn first_sentence(name: &str, program: &[&str], flags: &str, arguments: &[&str]) -> String {
    let directory = TemporaryDirectory::new(&format!("causes-{name}"));
    let store = directory.path().to_str().expect("UTF-8");
    let mut args = vec!["test", "--quiet", "--store", store];
    args.extend(program);
    args.extend(flags.split(' '));
    args.push("--");
    args.extend(arguments);
    let (status, line, errors) = run(&args);
    assert_eq!(status, Some(1), "{line}{errors}");
    line.split_once(": ").expect("a verdict and why").1.trim().to_owned()
}

fn of_python(name: &str, file: &str, flags: &str, arguments: &[&str]) -> String {
    let program = node(file);
    let program = program.to_str().expect("UTF-8");
    first_sentence(name, &["--virtual-time", "--bin", program], flags, arguments)
}

/// Asserts that all parts are there, in this order.
fn says(sentence: &str, parts: &[&str]) {
    let mut rest = sentence;
    for part in parts {
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => panic!("`{part}` is missing, or not in its place: {sentence}"),
        }
    }
}

#[test]
fn a_lost_element_comes_with_the_message_that_was_lost() {
    let flags = "-w broadcast --node-count 3 --topology line --rate 5 --time-limit 10 --latency 20 \
                 --loss 0.001 --recovery-time 1 --seed 7";
    let sentence = of_python("lost", "broadcast.py", flags, &[]);
    says(
        &sentence,
        &[
            "31 was added at n0 at 9.869 s and then lost: the read of n",
            "has it not. The message `gossip` from n0 to n1, sent at 9.869 s, was lost (loss)",
            "not sent again",
        ],
    );
}

#[test]
fn an_element_that_came_back_in_another_type_is_not_said_to_be_lost() {
    let flags = "-w broadcast --node-count 1 --time-limit 2 --rate 10 --recovery-time 0 --seed 1";
    let sentence = of_python("strings", "wrong.py", flags, &["strings"]);
    says(
        &sentence,
        &[
            "0 was added at n0 at 0.000 s, and the read of n0 at 2.000 s has \"0\", a string, instead.",
            "in the same type",
        ],
    );
}

#[test]
fn a_function_that_never_succeeded_begins_with_the_reason() {
    let flags = "-w broadcast --node-count 1 --time-limit 2 --rate 10 --recovery-time 0 --seed 1";
    for (mistake, parts) in [
        (
            "typo",
            &[
                "n0: its answer to `read` is malformed: `message` does not belong",
                "So not one read",
            ][..],
        ),
        (
            "no-read",
            &[
                "n0: it answered nothing any more from 0.",
                "2 requests had no answer, the first of them `read`",
            ],
        ),
        (
            "refuses-read",
            &["Not one read succeeded: the first was answered with the error `not-supported`: no."],
        ),
        (
            "next-number",
            &["n0: it answered none of the 2 requests", ": a reply to c", "as `in_reply_to`"],
        ),
        ("no-number", &["n0: it answered none of the", ": a message to c", "has no `in_reply_to`"]),
        ("raises", &["n0: it answered none of the", ": on stderr it says: KeyError: 'sender'"]),
        (
            "number-as-text",
            &["n0: it did not answer `init`", "has no `in_reply_to`, or none that is an integer"],
        ),
        (
            "init-okay",
            &["n0: it answered `init` with something else: its type is `init_okay` and should be"],
        ),
        (
            "prints-before-init",
            &[
                "n0: it did not answer `init`",
                "line 1 on its stdout is no message",
                "did you print",
            ],
        ),
        (
            "forgets-to-flush",
            &["n0: it did not answer `init`", "in Python: print(..., flush=True)"],
        ),
    ] {
        says(&of_python(mistake, "wrong.py", flags, &[mistake]), parts);
    }
}

#[test]
fn a_sum_that_a_service_told_names_the_service_and_what_it_said() {
    let flags = "-w g-counter --node-count 3 --time-limit 3 --rate 50 --recovery-time 0 --seed 2";
    let sentence = of_python("service", "wrong.py", flags, &["stale-sum"]);
    says(
        &sentence,
        &["What n", " knew was from seq-kv, which had answered its `read", "`read_ok {\"value\":"],
    );
}

#[test]
fn a_sum_in_a_service_that_was_overwritten_is_not_said_to_be_old() {
    let flags = "-w g-counter --node-count 3 --time-limit 3 --rate 50 --recovery-time 2 --seed 1";
    let sentence = of_python("overwritten", "wrong.py", flags, &["overwritten-sum"]);
    says(
        &sentence,
        &[
            "had answered its `read {\"key\":\"sum\"}` with `read_ok {\"value\":",
            ", and nothing newer was there. n0, n1, n2 change it by `write`",
            "`cas` would notice",
        ],
    );
}

/// The node had nothing that it could forget.
#[test]
fn an_element_of_a_list_in_a_service_that_was_overwritten_is_not_said_to_be_forgotten() {
    let flags =
        "-w g-set --node-count 3 --time-limit 3 --rate 50 --latency 5 --recovery-time 2 --seed 1";
    let sentence = of_python("shared-set", "demo.py", flags, &["shared-set"]);
    says(
        &sentence,
        &[
            "What n",
            " knew was from lin-kv, which had answered its `read {\"key\":\"set\"}`",
            "n0, n1, n2 change it by `write`",
            "`cas` would notice",
        ],
    );
}

#[test]
fn a_comparison_that_was_refused_and_not_tried_again_is_named() {
    let flags = "-w g-counter --node-count 3 --time-limit 3 --rate 200 --recovery-time 2 --latency 5 --seed 1";
    let sentence = of_python("gives-up", "demo.py", flags, &["seq-counter", "gives-up"]);
    says(
        &sentence,
        &[
            "from seq-kv",
            "n0 acknowledged ",
            ", brought ",
            " there and was refused ",
            "has to be tried again",
        ],
    );
}

#[test]
fn a_write_that_was_refused_and_happened_is_named() {
    let flags = "-w lin-kv --node-count 1 --concurrency 2n --time-limit 5 --rate 50 --seed 1";
    let sentence = of_python("refused", "demo.py", flags, &["store", "refuses-and-does"]);
    says(
        &sentence,
        &[
            "The write of process ",
            " would have put 3 there and was answered, at ",
            "with the error `temporarily-unavailable`, which says that it did not happen",
        ],
    );
}

/// It had come before the answer left, but not before the node had looked.
#[test]
fn a_message_that_came_while_a_node_asked_others_is_what_it_did_not_know() {
    let flags =
        "-w lin-kv --node-count 3 --concurrency 2n --time-limit 5 --rate 50 --latency 10 --seed 5";
    let sentence = of_python("quorum", "demo.py", flags, &["quorum"]);
    says(
        &sentence,
        &[
            "When n",
            " was asked, at ",
            "it did not know better: `store {\"key\":0",
            "was on its way",
        ],
    );
}

#[test]
fn an_answer_to_a_node_that_asked_nothing_is_told_where_no_client_got_one() {
    let flags = "-w broadcast --node-count 2 --time-limit 2 --rate 10 --recovery-time 0 --seed 1";
    let sentence = of_python("elsewhere", "wrong.py", flags, &["replies-to-a-node"]);
    says(
        &sentence,
        &[
            " it answered none of the ",
            ": it sends an answer to request 1 to `n",
            "`, which has asked it nothing; a reply goes to the `src` of the request: {\"type\"",
        ],
    );
}

#[test]
fn answers_that_cannot_be_read_are_said_before_what_is_missing_because_of_them() {
    let flags = "-w kafka --node-count 2 --time-limit 3 --rate 50 --recovery-time 0 --seed 1";
    let sentence = of_python("malformed", "leader.py", flags, &["kafka", "objects"]);
    says(
        &sentence,
        &[
            ": its answer to `poll` is malformed: `msgs` has {\"offset\"",
            "poll operations",
            "came to nothing by such answers",
        ],
    );
}

/// Some transactions are of one micro-operation and succeed, and what succeeded is right.
#[test]
fn answers_that_cannot_be_read_are_wrong_though_what_clients_saw_is_right() {
    let flags = "-w txn-list-append --node-count 2 --time-limit 3 --rate 50 --seed 1";
    let sentence = of_python("first-alone", "leader.py", flags, &["txn", "answers-the-first"]);
    says(
        &sentence,
        &[
            ": its answer to `txn` is malformed: `txn`: ",
            " micro-operations were asked, 1 are answered: ",
            "came to nothing by such answers",
        ],
    );
}

/// The fault that was on when it was sent has nothing to do with it.
#[test]
fn a_message_of_a_log_that_is_gone_is_blamed_on_the_kill_after_which_it_was() {
    let sentence = |seed: &str| {
        let flags = "-w kafka --node-count 2 --concurrency 4n --time-limit 8 --rate 40 --latency 5 \
                     --nemesis kill --nemesis-interval 2 --seed ";
        of_python("kafka-kill", "leader.py", &[flags, seed].concat(), &["kafka"])
    };
    // The other node hands everything to n0.
    says(
        &sentence("8"),
        &["3 was acknowledged", "n1 acknowledged it at 4.442 s for n0, which was killed at "],
    );
    says(
        &sentence("2"),
        &[
            "Offset 0 of key",
            "In between, at 3.951 s, n0, which had answered the first, was killed",
        ],
    );
}

#[test]
fn a_number_that_json_has_not_is_told_as_it_was_written() {
    let flags = "-w broadcast --node-count 1 --time-limit 1 --rate 10 --recovery-time 0 --seed 1";
    let sentence = of_python("nan", "wrong.py", flags, &["not-a-number"]);
    says(&sentence, &[" on its stdout is no message: `NaN` in it is no JSON: ", "[NaN]}}"]);
}

/// What does not end is not kept, so that no node can fill the memory.
#[test]
fn a_line_that_is_too_long_is_told_with_the_limit() {
    let flags = "-w broadcast --node-count 1 --time-limit 1 --rate 2 --recovery-time 0 --seed 1";
    let sentence = of_python("long-line", "wrong.py", flags, &["endless-line"]);
    says(&sentence, &[" on its stdout is no message: it is longer than 64 MiB and has no end yet"]);
}

#[test]
fn a_counter_that_merges_in_a_way_that_loses_or_counts_twice_is_told_as_that() {
    let common = "--node-count 3 --time-limit 3 --rate 50 --latency 5 --recovery-time 2 --seed 1";
    for (behaviour, parts) in [
        ("larger-total", &["each node keeps one total", "the larger one"][..]),
        ("net-totals", &["of each node the largest total is kept", "what is taken away"]),
        ("adds-totals", &["adds the totals", "to its own"]),
    ] {
        let flags = format!("-w pn-counter {common}");
        let sentence = of_python(behaviour, "demo.py", &flags, &["merged-counter", behaviour]);
        says(&sentence, &[&["asked for the final sum and got "], parts].concat());
    }
}

#[test]
fn a_request_that_was_handed_on_again_is_what_undid_a_write() {
    let flags =
        "-w lin-kv --node-count 2 --concurrency 2n --time-limit 5 --rate 60 --latency 5 --seed 1";
    let sentence = of_python("again", "demo.py", flags, &["handed-on", "tries-again"]);
    says(
        &sentence,
        &[
            "n1 sent `",
            "{\"key\":0,",
            " to n0 2 times, and had been asked for it once",
            "done each time",
        ],
    );
}

#[test]
fn a_comparison_that_succeeded_and_could_not_is_said_to_have_needed_an_error() {
    let flags = "-w lin-kv --node-count 1 --concurrency 2n --time-limit 2 --rate 50 --seed 1";
    let sentence = of_python("compares", "demo.py", flags, &["handed-on", "compares-nothing"]);
    says(&sentence, &["n0 answered `cas_ok`", "the error `precondition-failed` (22)"]);
}

#[test]
fn a_node_that_cannot_read_what_a_power_cut_left_is_told_with_the_cut() {
    let flags = "-w g-set --node-count 1 --time-limit 20 --rate 50 --nemesis lose-unsynced --nemesis-interval 2 \
                 --seed 1";
    let sentence = of_python("torn", "demo.py", flags, &["kept-set", "{run}"]);
    says(
        &sentence,
        &[
            "the process ended by itself",
            "Before that n0 lost its power at ",
            "what it had not synced",
        ],
    );
}

#[test]
fn a_value_of_a_register_that_came_back_in_another_type_is_told_as_that() {
    let flags = "-w lin-kv --node-count 1 --time-limit 2 --rate 20 --seed 1";
    let sentence = of_python("float", "demo.py", flags, &["store", "floats"]);
    says(
        &sentence,
        &[
            ".0 from key 0",
            ", an integer, was written, and what was read is a float.",
            "in the same type",
        ],
    );
}

#[test]
fn an_element_that_came_and_went_was_forgotten() {
    let flags = "-w g-set --node-count 3 --time-limit 3 --rate 50 --recovery-time 2 --seed 2";
    let sentence = of_python("forgotten", "demo.py", flags, &["g-set", "replaces"]);
    says(&sentence, &[" was added at n", "the read of n", " had it at ", "and forgot it"]);
}

#[test]
fn an_id_that_came_twice_comes_with_the_restart() {
    let flags =
        "-w unique-ids --nemesis kill --nemesis-interval 2 --rate 100 --time-limit 10 --seed 1";
    let sentence = first_sentence("restart", &["--simulate", "identifier"], flags, &[]);
    says(&sentence, &["\"n", "gave it out at", "again at", "In between, at", "was killed"]);
}

#[test]
fn an_id_of_two_nodes_names_both() {
    let flags = "-w unique-ids --node-count 3 --time-limit 3 --rate 50 --seed 1";
    let sentence = of_python("both", "demo.py", flags, &["unique-ids", "own-count"]);
    says(&sentence, &["1 was given out 3 times: by n", " at ", " and by n"]);
}

#[test]
fn a_sum_that_lacks_something_names_what_and_where_it_was_added() {
    let flags = "-w g-counter --node-count 3 --time-limit 3 --rate 50 --recovery-time 2 --seed 1";
    let sentence = of_python("sum", "demo.py", flags, &["counter", "keeps-to-itself"]);
    says(
        &sentence,
        &[
            "got 17, but the adds make 78.",
            "It is what was added at n0 alone; missing are ",
            " at n1",
        ],
    );
}

#[test]
fn a_stale_read_comes_with_the_message_that_was_still_on_its_way() {
    let flags = "-w lin-kv --node-count 3 --time-limit 10 --rate 25 --latency 20 --nemesis partition \
                 --nemesis-interval 3 --seed 12";
    let sentence = of_python("stale", "../../../docs/kv.py", flags, &[]);
    says(
        &sentence,
        &[
            "read 1 from key 0",
            "the register holds 2",
            "When n1 answered, at 2.035 s, it did not know better: `replicate {\"key\":0,\"value\":2}` from n0",
            "was on its way until 2.041 s",
        ],
    );
}

#[test]
fn an_echo_that_is_none_says_what_was_asked_and_what_came() {
    let flags = "-w echo --node-count 1 --time-limit 1 --rate 50 --seed 1";
    let sentence = of_python("echo", "demo.py", flags, &["echo", "shouts"]);
    says(&sentence, &["asked `echo` for \"Please echo ", "and got \"PLEASE ECHO "]);
}

#[test]
fn transactions_in_a_circle_are_told_one_by_one_with_the_fault_in_force() {
    let flags = "-w txn-rw-register --node-count 2 --concurrency 2n --time-limit 20 --rate 100 \
                 --consistency-models serializable --latency 10 --nemesis partition --seed 1";
    let simulated = &["--simulate", "gossiper"];
    let sentence = first_sentence("txn", simulated, flags, &["txn-read-committed"]);
    says(
        &sentence,
        &[
            "missed each other's writes",
            "would have to come before itself",
            "`partition` was on, n0 | n1",
        ],
    );
}

#[test]
fn transactions_of_nodes_that_keep_what_they_have_to_themselves_are_told_as_that() {
    for (workload, anomaly) in [
        ("txn-list-append", "neither is the beginning of the other"),
        ("txn-rw-register", "would have to come before itself"),
    ] {
        let flags = format!(
            "-w {workload} --node-count 2 --concurrency 2n --time-limit 5 --rate 50 --latency 10 --seed 1"
        );
        let sentence = of_python("apart", "demo.py", &flags, &["transactions", "keeps-to-itself"]);
        says(
            &sentence,
            &[
                anomaly,
                ", which dealt with T",
                ", which answered T",
                ", had sent nothing to another node by ",
                "each of them answers from a store of its own",
            ],
        );
    }
}

#[test]
fn a_transaction_that_missed_a_write_comes_with_the_message_that_was_still_on_its_way() {
    let flags = "-w txn-rw-register --node-count 3 --concurrency 2n --time-limit 5 --rate 50 --latency 10 --seed 2";
    let sentence = of_python("unseen", "demo.py", flags, &["transactions"]);
    says(
        &sentence,
        &[
            "When n",
            " answered T",
            "it did not know of T",
            ": `written {\"txn\":[[\"w\",",
            "was on its way until ",
        ],
    );
}

#[test]
fn transactions_that_saw_the_same_in_different_orders_name_the_nodes() {
    let flags = "-w txn-list-append --node-count 2 --concurrency 2n --time-limit 5 --rate 50 --latency 10 \
                 --consistency-models read-committed --seed 1";
    let sentence = of_python("orders", "demo.py", flags, &["transactions"]);
    says(
        &sentence,
        &[
            "neither is the beginning of the other",
            " was answered by n",
            " and T",
            " by n",
            "have put the same writes into different orders",
        ],
    );
}

/// What a node of `leader.py` is said to have failed of.
fn of_leader(name: &str, flags: &str, arguments: &[&str]) -> String {
    let common = "--node-count 3 --concurrency 2n --time-limit 10 --rate 60 --latency 5 --recovery-time 1 --seed 1";
    of_python(name, "leader.py", &format!("{flags} {common}"), arguments)
}

#[test]
fn a_message_that_nobody_polls_is_named_with_its_offset() {
    for flaw in ["loses", "skips"] {
        let sentence = of_leader(&format!("kafka-{flaw}"), "-w kafka", &["kafka", flaw]);
        says(&sentence, &[" was acknowledged to process ", " for key ", "nobody ever polled it"]);
    }
}

#[test]
fn what_a_sender_was_told_and_what_was_polled_are_held_against_each_other() {
    let sentence = of_leader("kafka-counts", "-w kafka", &["kafka", "counts"]);
    says(
        &sentence,
        &[
            " 2 times, at offsets 0, 1 (process ",
            " polled 1 at 0; process ",
            " and was told that it is at 1)",
        ],
    );
    let sentence = of_leader("kafka-reuses", "-w kafka", &["kafka", "reuses"]);
    says(
        &sentence,
        &["but 2 were seen there", " (process ", " and was told that it is at ", "; process "],
    );
}

#[test]
fn a_transaction_that_reads_what_was_aborted_or_is_old_is_told_with_the_other_one() {
    for (flaw, parts) in [
        ("aborted-writes-stay", &["G1a: T", " read ", ", which T", " wrote; but T", " failed"][..]),
        ("reads-are-old", &["G-single-item-", "comes before", "would have to come before itself"]),
        ("compares-writes-only", &["G2-item: transactions missed each other's writes in a circle"]),
    ] {
        says(&of_leader(flaw, "-w txn-list-append", &["txn", flaw]), parts);
    }
}

#[test]
fn a_lock_that_two_hold_is_named_with_both() {
    let sentence = of_leader("leases", "-w lock", &["lock", "leases"]);
    says(&sentence, &["could acquire lock ", " as holder ", "the lock is held by "]);
}
