//! The runs in which bugs are looked for: for each kind of node one, the same for all bugs of that kind, and
//! none made so that a bug shows. They are what this project's own recipes (`justfile`) sweep nodes of that
//! kind with: 20 s, a step of each fault every 3 s on average, and every fault that such a node is said to
//! survive. Figures about strategies are figures about such runs.

/// A store that survives everything but lies and wrong clocks (`just sweep-membership`, but for its members).
pub(crate) const STORE: &str = "--node-count 5 --concurrency 4n --rate 50 --latency 10 \
     --time-limit 20 --nemesis-interval 3 --nemesis partition,loss,duplicate,one-way,pause,kill";

/// The same on four nodes, for what is only wrong with an even number.
pub(crate) const STORE_OF_FOUR: &str = "--node-count 4 --concurrency 4n --rate 50 --latency 10 \
     --time-limit 20 --nemesis-interval 3 --nemesis partition,loss,duplicate,one-way,pause,kill";

/// One that survives wrong clocks as well.
pub(crate) const REGISTER: &str = "--node-count 5 --concurrency 4n --rate 50 --latency 10 \
     --time-limit 20 --nemesis-interval 3 --nemesis partition,loss,duplicate,one-way,pause,kill,clock";

/// A store whose members come and go (`just sweep-membership`).
pub(crate) const MEMBERS: &str = "--node-count 5 --concurrency 4n --rate 50 --latency 10 \
     --time-limit 20 --nemesis-interval 3 \
     --nemesis membership,partition,loss,duplicate,one-way,pause,kill";

/// Logs (`just sweep-kafka`), but for messages that come twice: what forwards to one node without a number
/// for each request appends those twice.
pub(crate) const LOGS: &str = "--node-count 3 --concurrency 3n --rate 50 --latency 10 \
     --time-limit 20 --nemesis-interval 3 --nemesis kill,partition,loss,pause";

/// Transactions (`just sweep-txn`) on one node.
pub(crate) const TRANSACTIONS: &str = "--node-count 1 --concurrency 9 --rate 50 \
     --time-limit 20 --nemesis-interval 3 --nemesis pause \
     --consistency-models strict-serializable";

/// A broadcast (`just sweep-slurm`) of nodes that can also be killed.
pub(crate) const BROADCAST: &str = "--node-count 5 --rate 20 --latency 20 \
     --time-limit 20 --nemesis-interval 3 --nemesis partition,loss,duplicate,one-way,pause,kill";

/// A counter (`just counters`) in such a network.
pub(crate) const COUNTER: &str = "--node-count 5 --rate 50 --latency 10 \
     --time-limit 20 --nemesis-interval 3 --nemesis partition,loss,duplicate,one-way,pause,kill";

/// Ids (`just workload-2-4-5`).
pub(crate) const IDS: &str = "--node-count 5 --rate 200 --latency 10 \
     --time-limit 10 --nemesis-interval 2 --nemesis kill,clock,partition";

/// A counter that keeps its state in a service (`just challenge-4`).
pub(crate) const SERVICES: &str = "--node-count 3 --rate 100 --time-limit 20 --nemesis partition";

/// A store that survives lies as well, with nobody who lies (`_bft` in the `justfile`): its bugs here are
/// those of honest nodes.
pub(crate) const BYZANTINE: &str = "--node-count 4 --rate 15 --latency 10 --time-limit 15 \
     --nemesis-interval 3 --nemesis kill,partition,loss,duplicate,pause";
