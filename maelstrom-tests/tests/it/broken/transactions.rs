//! Transactions on one node: right ones are valid, and each way to do them wrong is found and named.

use std::collections::BTreeMap;
use std::time::Duration;

use eddy::options::{FaultKind, Options};
use eddy::outcome::Outcome;
use eddy::results::Results;
use eddy::workload::registry::named;
use proto::txn::{Message, Micro};
use proto::{Caller, Context, Error, ErrorCode, Json, Node};

use super::{Bug, runs};

type Body = Message<String>;
/// What each key has.
type State = BTreeMap<Json, Json>;

/// What is wrong with a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flaw {
    Nothing,
    /// It reads when it is asked, and writes the result a moment later, whatever came in between.
    LostUpdate,
    /// Transactions that only read see what was there three transactions ago.
    StaleRead,
    /// Now and then it says that a transaction was aborted, of which it keeps the writes.
    AbortedRead,
    /// The first micro-operation of a longer transaction is missing in the reply.
    ShortReply,
}

struct Transactions {
    flaw: Flaw,
    state: State,
    /// Earlier states, the oldest first.
    earlier: Vec<State>,
    done: u64,
}

#[derive(Clone, Debug)]
struct Later {
    client: Caller,
    txn: Vec<Micro<String>>,
    writes: State,
}

/// Fills in what is read, and does to the state what is written.
fn apply(txn: &mut [Micro<String>], state: &mut State) {
    for Micro(f, key, value) in txn {
        let known = state.get(key).cloned();
        match f.as_str() {
            "r" => *value = known.unwrap_or_else(Json::null),
            "append" => {
                let list = known.map_or_else(|| "[]".to_owned(), |list| list.text().into_owned());
                let mut list: Vec<Json> = serde_json::from_str(&list).expect("a list");
                list.push(value.clone());
                let text = serde_json::to_string(&list).expect("JSON");
                state.insert(key.clone(), Json::parse(&text).expect("JSON"));
            }
            _ => drop(state.insert(key.clone(), value.clone())),
        }
    }
}

impl Transactions {
    fn new(flaw: Flaw) -> Self {
        Self { flaw, state: State::new(), earlier: Vec::new(), done: 0 }
    }
}

impl Node for Transactions {
    type Body = Body;
    type Token = Later;

    fn request(&mut self, client: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let Body::Txn { mut txn } = body else { return };
        self.done += 1;
        let reads_only = txn.iter().all(|Micro(f, ..)| f == "r");
        if self.flaw == Flaw::StaleRead && reads_only && self.earlier.len() == 3 {
            apply(&mut txn, &mut self.earlier[0].clone());
            ctx.reply(&client, Body::TxnOk { txn });
            return;
        }
        if self.flaw == Flaw::LostUpdate {
            let mut after = self.state.clone();
            apply(&mut txn, &mut after);
            after.retain(|key, value| self.state.get(key) != Some(value));
            let later = Later { client, txn, writes: after };
            ctx.set_timer(Duration::from_millis(20), later);
            return;
        }
        self.earlier.push(self.state.clone());
        if self.earlier.len() > 3 {
            self.earlier.remove(0);
        }
        apply(&mut txn, &mut self.state);
        if self.flaw == Flaw::AbortedRead && self.done.is_multiple_of(7) {
            ctx.reply_error(&client, Error::new(ErrorCode::TxnConflict, "too bad"));
            return;
        }
        if self.flaw == Flaw::ShortReply && txn.len() > 1 {
            txn.remove(0);
        }
        ctx.reply(&client, Body::TxnOk { txn });
    }

    fn timer(&mut self, later: Later, ctx: &mut Context<'_, Self>) {
        self.state.extend(later.writes);
        ctx.reply(&later.client, Body::TxnOk { txn: later.txn });
    }
}

/// Runs of one node that ten clients ask.
fn bug(workload: &str, models: &str, make: fn() -> Transactions) -> Bug<Transactions> {
    let mut options = runs(named(workload), &[]).with_nodes(1);
    options.concurrency = 10;
    options.rate = 100.0;
    options.time_limit = Duration::from_secs(10);
    set_models(&mut options, models);
    Bug { options, durable: false, within: 3, make, invariant: None }
}

fn set_models(options: &mut Options, models: &str) {
    let flags = options.workload.kind().flags;
    let flag = flags.iter().find(|flag| flag.name == "consistency-models").expect("a flag");
    options.settings.set(flag, models).expect("models");
}

/// Each workload.
const BOTH: [&str; 2] = ["txn-list-append", "txn-rw-register"];

/// Asserts that the results are not valid, and that the causes name all of these.
fn is_found(bug: &Bug<Transactions>, named: &[&str]) {
    bug.is_found();
    let results: Results = bug.run(&bug.options, 0).1;
    let causes = Outcome::of(&results).failure().expect("not valid").cause.clone();
    for name in named {
        assert!(causes.contains(name), "{name} is not in: {causes}");
    }
}

#[test]
fn transactions_in_a_total_order_are_strict_serializable() {
    for workload in BOTH {
        let mut bug = bug(workload, "strict-serializable", || Transactions::new(Flaw::Nothing));
        bug.is_right_under(&[]);
        bug.options.nemesis_interval = Duration::from_secs(1);
        bug.is_right_under(&[FaultKind::Pause]);
    }
}

#[test]
fn a_node_that_loses_updates_is_found() {
    let models = "snapshot-isolation";
    let make = || Transactions::new(Flaw::LostUpdate);
    is_found(&bug("txn-list-append", models, make), &["not snapshot-isolation"]);
    is_found(&bug("txn-rw-register", models, make), &["not snapshot-isolation", "lost-update"]);
}

#[test]
fn a_node_that_reads_old_states_is_found_where_real_time_counts_and_only_there() {
    for workload in BOTH {
        let make = || Transactions::new(Flaw::StaleRead);
        is_found(&bug(workload, "strict-serializable", make), &["not strict-serializable"]);
        bug(workload, "serializable", make).is_right_under(&[]);
    }
}

#[test]
fn a_node_that_keeps_what_it_aborted_is_found() {
    for workload in BOTH {
        let make = || Transactions::new(Flaw::AbortedRead);
        is_found(&bug(workload, "read-committed", make), &["not read-committed", "G1a"]);
        bug(workload, "read-uncommitted", make).is_right_under(&[]);
    }
}

/// jepsen-io/maelstrom#14.
#[test]
fn a_reply_that_lacks_a_micro_operation_is_no_success() {
    for workload in BOTH {
        let bug = bug(workload, "strict-serializable", || Transactions::new(Flaw::ShortReply));
        let (history, _) = bug.run(&bug.options, 0);
        assert!(history.contains("micro-operations were asked"), "{history}");
        let ok = history.lines().filter(|line| line.contains(r#""type":"ok""#));
        assert!(ok.clone().count() > 10);
        for line in ok {
            let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(event["value"].as_array().map(Vec::len), Some(1), "{line}");
        }
    }
}
