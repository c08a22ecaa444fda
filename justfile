# Recipes wrap plain commands; nothing here is needed to build, test or use the project.

eddy := "target/release/eddy"
bin := "target/release"

# List the recipes.
default:
    @just --list

# Build everything into target/release.
build:
    cargo build --release

# Binaries that need nothing of the machine they run on, in target/x86_64-unknown-linux-gnu/release.
static:
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --bins --workspace --target x86_64-unknown-linux-gnu

# All tests.
test:
    cargo test --workspace

# Formatting, lints and documentation, as CI checks them.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# All of docs/figures.md, or sections of it (`just figures consensus gossiper`; `docs/make-figures --list`).
figures *SECTIONS: build
    docs/make-figures {{SECTIONS}}

# Every command of the README and the book, and what it prints.
book: build
    docs/book/check

# What CI runs.
ci:
    .ci/run

# The sample cases of a task, then the workload with the faults that the task is about: `just task 2-3`.
task ID: build
    {{eddy}} tasks {{ID}}
    @just _workload-{{ID}}

# The sample cases of all tasks.
tasks: build
    {{eddy}} tasks

_unique-ids *FLAGS:
    {{eddy}} test -w unique-ids --bin {{bin}}/identifier --node-count 3 --time-limit 10 --rate 1000 {{FLAGS}}

_workload-2-1: (_unique-ids "--availability total")

_workload-2-2: (_unique-ids "--availability total" "--" "--scheme" "random")

_causal-sweep *FLAGS:
    {{eddy}} sweep --seeds 0..300 --simulate identifier -w unique-ids --causal-ids --node-count 5 --rate 200 --latency 10 --time-limit 10 --nemesis-interval 2 --expect 'messages.pairs-across-nodes>1000' {{FLAGS}}

# Cut off, slow, and with messages lost: an id needs nobody but its node.
_workload-2-3: (_unique-ids "--availability total" "--nemesis" "partition" "--nemesis-interval" "2") (_unique-ids "--availability total" "--latency" "500" "--latency-dist" "exponential") (_unique-ids "--loss" "0.5" "--loss-clients" "0.2" "--availability" "0.5" "--concurrency" "500n")

_workload-2-4: (_unique-ids "--availability total" "--nemesis" "partition" "--nemesis-interval" "2") (_unique-ids "--nemesis" "kill" "--nemesis-interval" "1" "--" "--state-dir" "'{run}'")

_workload-2-5:
    {{eddy}} test -w unique-ids --bin {{bin}}/identifier --node-count 1 --concurrency 64n --time-limit 10 --rate 10000 --availability total

# What proves a clock: its properties against explicit causal histories.
_clocks FILTER:
    cargo test -q -p clocks --test it {{FILTER}}

# What proves a node of the identifier: a clock set by hand, or clusters in virtual time under every fault.
_identifier FILTER:
    cargo test -q -p identifier --test it {{FILTER}}

_workload-2-2-1: (_clocks "snowflake") (_identifier "clock_nodes")

_workload-2-2-2: (_clocks "snowflake") (_identifier "clock_nodes")

_workload-2-2-3: (_clocks "snowflake") (_identifier "clock_nodes")

# Several nodes, cut off and killed.
_workload-2-2-5: (_unique-ids "--availability total" "--nemesis" "partition" "--nemesis-interval" "2" "--" "snowflake") (_unique-ids "--nemesis" "kill" "--nemesis-interval" "1" "--" "snowflake" "--state-dir" "'{run}'") (_identifier "rising::snowflakes")

_workload-2-3-1: (_clocks "lamport") (_identifier "clock_nodes")

_workload-2-3-2: (_clocks "lamport")

_workload-2-3-3: (_clocks "vector")

_workload-2-3-4: (_clocks "vector")

# No acknowledged write is lost but by one that saw it.
_workload-2-3-5: (_clocks "version") (_identifier "siblings")

_workload-2-4-1: (_clocks "hybrid") (_identifier "clock_nodes")

_workload-2-4-2: (_clocks "hybrid") (_identifier "clock_nodes")

_workload-2-4-3: (_clocks "hybrid") (_identifier "clock_nodes")

_workload-2-4-4:
    cargo test -q -p identifier --lib

# Several nodes, cut off and killed; and ids that respect causality, by the messages between them.
# With real processes and in virtual time, where clocks jump as well, ids are held against all messages between nodes.
_workload-2-4-5: (_unique-ids "--availability total" "--causal-ids" "--nemesis" "partition" "--nemesis-interval" "2" "--" "hlc") (_causal-sweep "--nemesis partition,one-way,loss,duplicate,pause,clock -- hlc") (_causal-sweep "--nemesis kill,clock,partition -- hlc --state-dir '{run}'") (_unique-ids "--nemesis" "kill" "--nemesis-interval" "1" "--" "hlc" "--state-dir" "'{run}'") (_identifier "rising")

_broadcast *FLAGS:
    {{eddy}} test -w broadcast --bin {{bin}}/gossiper {{FLAGS}}

_workload-3-1: (_broadcast "--node-count 5 --time-limit 10 --rate 10 -- --strategy flood")

_workload-3-2: (_broadcast "--node-count 25 --topology tree4 --time-limit 10 --rate 100 --latency 10")

_workload-3-3: (_broadcast "--node-count 25 --time-limit 10 --rate 100 --latency 10 -- --strategy fan-out")

_workload-3-4: (_broadcast "--node-count 25 --time-limit 10 --rate 100 --latency 10 -- --strategy batched")

_workload-3-5: (_broadcast "--node-count 5 --time-limit 20 --rate 10 --nemesis partition --nemesis-interval 3")

# The fault-tolerant broadcast of the fifth seed.
_workload-3c: (_broadcast "--node-count 5 --time-limit 20 --rate 10 --nemesis partition") (_broadcast "--node-count 25 --time-limit 20 --rate 50 --latency 20 --loss 0.1 --duplicate 0.1 --nemesis partition,one-way --nemesis-interval 3")

_workload-3-2-1: (_broadcast "--node-count 25 --topology total --time-limit 10 --rate 50 --latency 10 --nemesis partition --nemesis-interval 3 -- --strategy fan-out")

# A function: against every fan-out, by hand, and against clusters.
_workload-3-2-2:
    cargo test --release -p gossiper reach
    cargo test --release -p gossiper --test it formula -- --nocapture

_workload-3-2-3: (_broadcast "--node-count 5 --time-limit 20 --rate 20 --loss 0.2 --nemesis partition --nemesis-interval 4 -- anti-entropy")

_workload-3-2-4: (_broadcast "--node-count 5 --time-limit 20 --rate 20 --nemesis kill,partition --nemesis-interval 4 -- anti-entropy --state-dir '{run}'")

# Maelstrom's goal: fewer than 30 messages an operation, under partitions.
_workload-3-2-5: (_broadcast "--node-count 25 --time-limit 20 --rate 100 --latency 100 --nemesis partition --expect 'msgs-per-op<30' -- anti-entropy --fan-out 1 --gossip-interval 500ms")

_workload-3-3-1: (_broadcast "--node-count 25 --topology tree3 --time-limit 10 --rate 100 --latency 10")

# A tree that waits for no acknowledgement, and gossip for what it loses.
_workload-3-3-3: (_broadcast "--node-count 5 --time-limit 20 --rate 10 --nemesis partition -- hybrid") (_broadcast "--node-count 25 --topology tree4 --time-limit 20 --rate 50 --latency 20 --loss 0.1 --duplicate 0.1 --nemesis partition,one-way --nemesis-interval 3 -- hybrid")

_crdt WORKLOAD *FLAGS:
    {{eddy}} test -w {{WORKLOAD}} --bin {{bin}}/gossiper --node-count 5 --time-limit 20 --rate 50 {{FLAGS}} -- {{WORKLOAD}} --state-dir '{run}'

_workload-3-4-1: (_crdt "g-set" "--nemesis" "kill,partition" "--nemesis-interval" "3") (_crdt "g-set" "--loss" "0.2" "--duplicate" "0.2" "--latency" "20")

# Maelstrom's counters, which no task asks for.
counters: build (_crdt "g-counter" "--nemesis" "kill,partition" "--nemesis-interval" "3") (_crdt "pn-counter" "--nemesis" "kill,partition" "--nemesis-interval" "3")

# Clusters in virtual time under every fault; the laws of merging.
_merging:
    cargo test --release -p crdt
    cargo test --release -p gossiper --test it crdt

_workload-3-4-2: _merging

_workload-3-4-3: _merging

_workload-3-4-4: _merging

_workload-3-4-5: _merging

# Nodes of a tree fail: values go round them.
_workload-3-3-2: (_broadcast "--node-count 25 --topology tree4 --time-limit 20 --rate 20 --latency 10 --nemesis kill --nemesis-interval 4 -- --answer broadcast_ack --state-dir '{run}'")

# Each side goes on; after healing both agree.
_workload-3-3-5: (_broadcast "--node-count 5 --time-limit 20 --rate 20 --nemesis partition --nemesis-interval 4")

# Challenge 1, echo.
challenge-1: build
    {{eddy}} test -w echo --bin {{bin}}/identifier --node-count 1 --time-limit 10 -- echo

# Challenge 2, unique ids: total availability under partitions.
challenge-2: build
    {{eddy}} test -w unique-ids --bin {{bin}}/identifier --time-limit 30 --rate 1000 --node-count 3 --availability total --nemesis partition

_challenge-3 *FLAGS:
    {{eddy}} test -w broadcast --bin {{bin}}/gossiper --time-limit 20 --rate 10 --expect 'workload.lost-count==0' {{FLAGS}}

# Challenge 3a, broadcast on one node.
challenge-3a: build (_challenge-3 "--node-count 1")

# Challenge 3b, broadcast on five nodes.
challenge-3b: build (_challenge-3 "--node-count 5")

# Challenge 3c, the same under partitions.
challenge-3c: build (_challenge-3 "--node-count 5 --nemesis partition")

# Challenge 4, a counter in `seq-kv` under partitions.
challenge-4: build
    {{eddy}} test -w g-counter --bin {{bin}}/gossiper --node-count 3 --rate 100 --time-limit 20 --nemesis partition -- g-counter-services

_challenge-5 *FLAGS:
    {{eddy}} test -w kafka --bin {{bin}}/gossiper --concurrency 2n --time-limit 20 --rate 1000 --expect 'workload.unseen-count==0' {{FLAGS}}

# Challenge 5a, logs on one node.
challenge-5a: build (_challenge-5 "--node-count 1 -- kafka-single")

# Challenge 5b, logs in `lin-kv`.
challenge-5b: build (_challenge-5 "--node-count 2 -- kafka-services")

# Challenge 5c, logs of their own, replicated by Raft: at most 1.5 messages an operation and a median of 20 ms (the best published solutions on `lin-kv` and `seq-kv` take 2.6 to 6.5).
challenge-5c: build
    {{eddy}} test -w kafka --bin {{bin}}/consensus --node-count 2 --concurrency 2n --time-limit 20 --rate 1000 --expect 'workload.unseen-count==0' --expect 'msgs-per-op<=1.5' --expect 'p50<20ms' -- kafka

# Logs in virtual time under faults: so many seeds of each node.
sweep-kafka SEEDS="0..10000": build (_sweep-kafka "gossiper" SEEDS "--node-count 1 --nemesis pause -- kafka-single") (_sweep-kafka "gossiper" SEEDS "--node-count 1 --nemesis kill,pause -- kafka-single --state-dir '{run}'") (_sweep-kafka "gossiper" SEEDS "--nemesis kill,partition,loss,duplicate,pause -- kafka-services") (_sweep-kafka "consensus" SEEDS "--nemesis partition,one-way,loss,duplicate,pause -- kafka") (_sweep-kafka "consensus" SEEDS "--nemesis kill,partition,pause -- kafka --compact-after 50 --state-dir '{run}'")

_sweep-kafka PROGRAM SEEDS *FLAGS:
    {{eddy}} sweep --seeds {{SEEDS}} --simulate {{PROGRAM}} -w kafka --node-count 3 --concurrency 3n --rate 100 --latency 10 --time-limit 20 --nemesis-interval 3 {{FLAGS}}

# Transactions on Raft in virtual time under faults, strict serializable: so many seeds of each node.
sweep-txn SEEDS="0..10000": build (_sweep-txn "list-append" SEEDS) (_sweep-txn "rw-register" SEEDS)

_sweep-txn KIND SEEDS: (_sweep-txn-under KIND SEEDS "--nemesis partition,one-way,loss,duplicate,pause") (_sweep-txn-under KIND SEEDS "--nemesis kill,partition,pause" "--compact-after 50 --state-dir '{run}'")

_sweep-txn-under KIND SEEDS FAULTS *FLAGS:
    {{eddy}} sweep --seeds {{SEEDS}} --simulate consensus -w txn-{{KIND}} --node-count 3 --concurrency 3n --rate 50 --latency 10 --time-limit 20 --settle 5 --nemesis-interval 3 {{FAULTS}} -- txn-{{KIND}} {{FLAGS}}

_challenge *FLAGS:
    {{eddy}} test -w broadcast --bin {{bin}}/gossiper --node-count 25 --time-limit 20 --rate 100 --latency 100 {{FLAGS}}

# The arguments of the gossiper for the challenges: a star, whose hub speaks in rounds.
star_3d := "--strategy star --hub-interval 380ms --leaf-margin 40ms --late-values now"
star_3e := "--strategy star --hub-interval 1590ms --leaf-margin 35ms --ack-delay 3500ms"

# Broadcast with a median below 400 ms, a maximum below 600 ms, at most 1.05 messages an operation.
challenge-3d: build (_challenge "--expect 'msgs-per-op<=1.05' --expect 'p50<400ms' --expect 'max<600ms' --" star_3d)

# Broadcast with a median below 1 s, a maximum below 2 s, at most 0.33 messages an operation.
challenge-3e: build (_challenge "--expect 'msgs-per-op<=0.33' --expect 'p50<1s' --expect 'max<2s' --" star_3e)

# Broadcast with a median of 100 ms, a maximum of 130 ms, at most 14 messages an operation.
challenge-latency: build (_challenge "--expect 'msgs-per-op<=14' --expect 'p50<=100ms' --expect 'max<=130ms' -- --strategy direct")

# The configurations of 3d and 3e under partitions, the hub cut off or killed included: at most 9 messages an operation.
challenge-partition: build (_challenge "--nemesis partition --expect 'msgs-per-op<=9' --" star_3d) (_challenge "--nemesis partition --expect 'msgs-per-op<=9' --" star_3e) (_challenge "--nemesis kill,partition --expect 'msgs-per-op<=9' --" star_3d "--state-dir '{run}'") (_challenge "--nemesis kill,partition --expect 'msgs-per-op<=9' --" star_3e "--state-dir '{run}'")

# A tree of real nodes, each stopped for two thirds of every 60 ms, with round trips that take longer than the time-out because of that: messages an operation stay what they are without (about 24).
stutter-gossiper: build
    cargo build --release -p gossiper --example stutter
    {{eddy}} test -w broadcast --bin {{bin}}/examples/stutter --node-count 25 --topology tree4 --rate 100 --latency 220 --time-limit 20 --expect 'msgs-per-op<=36' -- 20 40 {{bin}}/gossiper

_txn *FLAGS:
    {{eddy}} test -w txn-rw-register --bin {{bin}}/gossiper --concurrency 2n --time-limit 20 --rate 1000 {{FLAGS}}

# Transactions on one node.
challenge-6a: build (_txn "--node-count 1 --consistency-models read-uncommitted --availability total -- txn-single")

# Read uncommitted on two nodes, also while they cannot talk to each other.
challenge-6b: build (_txn "--node-count 2 --consistency-models read-uncommitted -- txn-read-uncommitted") (_txn "--node-count 2 --consistency-models read-uncommitted --availability total --nemesis partition -- txn-read-uncommitted")

# Read committed on two nodes, while they cannot talk to each other.
challenge-6c: build (_txn "--node-count 2 --consistency-models read-committed --availability total --nemesis partition -- txn-read-committed")

_lin-kv *FLAGS:
    {{eddy}} test -w lin-kv --bin {{bin}}/consensus --node-count 5 --concurrency 4n --rate 100 --latency 10 {{FLAGS}}

# Linearizable under partitions, and everyone answers again after healing.
_workload-7-2-5: (_lin-kv "--time-limit 60 --nemesis partition --settle 5")

# What proves a step of Raft: real nodes, and a few hundred seeds of them under every fault on the network.
_raft *FLAGS: (_lin-kv "--time-limit 20 --nemesis partition --settle 5") (_consensus-sweep "--nemesis partition,loss,duplicate,one-way,pause" FLAGS)

_consensus-sweep *FLAGS:
    {{eddy}} sweep --seeds 0..300 --simulate consensus -w lin-kv --node-count 5 --concurrency 4n --rate 50 --latency 10 --time-limit 20 --settle 5 --nemesis-interval 3 {{FLAGS}}

_workload-6-1: _raft

_workload-6-2: _raft

_workload-6-3: _raft

_workload-6-4: _raft

_workload-6-5: _raft

_workload-7-2-1: _raft

_workload-7-2-2: _raft

_workload-7-2-3: _raft

# Logs that are compacted all the time, so that whoever was cut off needs the state.
_workload-7-2-4: (_raft "--" "--compact-after" "5")

# What proves Paxos: seeded schedules, and mistakes that they find.
_paxos FILTER:
    cargo test -q -p paxos --test it {{FILTER}}

_workload-7-3-1: (_paxos "synod_schedule")

_workload-7-3-2: (_paxos "synod_schedule")

_workload-7-3-3: (_paxos "synod_schedule")

# Real nodes that are killed, and a few hundred seeds under every fault.
_workload-7-3-4: (_paxos "log_schedule") (_lin-kv "--time-limit 20 --nemesis kill,partition --settle 5 -- multi-paxos --state-dir '{run}'") (_consensus-sweep "--nemesis partition,loss,duplicate,one-way,pause -- multi-paxos") (_consensus-sweep "--nemesis kill,partition -- multi-paxos --state-dir '{run}'")

_workload-7-3-5:
    cargo test -q -p consensus --lib compare_protocols
    @just compare-consensus

# What proves Byzantine agreement: seeded schedules with liars, and clusters that are wrong.
_bft *FILTER:
    cargo test -q -p bft {{FILTER}}

_workload-7-4-1: _bft
    cargo test -q -p consensus --lib byzantine

# Real nodes that are killed and cut off, and a few hundred seeds of four of which one lies, under every fault.
# They settle for 10 s: a round that fails may last for three time-outs, which are capped at 2 s each.
_bft-store NODE SEEDS="0..300":
    {{eddy}} test -w lin-kv --bin {{bin}}/consensus --node-count 4 --rate 50 --latency 5 --time-limit 20 --nemesis kill,partition --nemesis-interval 2 --settle 5 -- {{NODE}} --state-dir '{run}'
    {{eddy}} sweep --seeds {{SEEDS}} --simulate consensus -w lin-kv --node-count 4 --rate 15 --latency 10 --time-limit 15 --settle 10 --nemesis byzantine,partition,loss,duplicate,pause --nemesis-interval 3 -- {{NODE}} --authenticity blake3
    {{eddy}} sweep --seeds {{SEEDS}} --simulate consensus -w lin-kv --node-count 4 --rate 15 --latency 10 --time-limit 15 --settle 10 --nemesis byzantine,kill,partition --nemesis-interval 3 -- {{NODE}} --authenticity blake3 --state-dir '{run}'

_workload-7-4-2: (_bft "--test it pbft_schedule") (_bft-store "pbft")

_workload-7-4-3: (_bft "equivocation") (_bft "--test it pbft_schedule")

# Three nodes of which one lies disagree, or stand still while it is silent; four do neither.
_workload-7-4-4: (_bft "at_3f")
    cargo test -q -p consensus --test it at_3f -- --nocapture

_workload-7-4-5: (_bft "--test it tendermint_schedule") (_bft-store "tendermint")

# 10,000 seeds of four nodes of which one lies, of either protocol, under every fault.
sweep-byzantine SEEDS="0..10000": build (_bft-store "pbft" SEEDS) (_bft-store "tendermint" SEEDS)

# 500 and more kills of real processes under partitions: no acknowledged write may be lost.
kill-consensus: build
    {{eddy}} test -w lin-kv --bin {{bin}}/consensus --node-count 5 --concurrency 4n --rate 100 --latency 5 --time-limit 60 --nemesis kill,partition --nemesis-interval 0.5 --settle 5 --test-count 8 -- --state-dir '{run}'

# 10,000 seeds of broadcast in virtual time, with every fault on the network.
sweep-gossiper SEEDS="0..10000": build
    {{eddy}} sweep --seeds {{SEEDS}} --simulate gossiper -w broadcast --node-count 25 --rate 20 --time-limit 20 --latency 20 --nemesis partition,loss,duplicate,one-way,pause --nemesis-interval 3

# lin-kv in virtual time, so many seeds of each of many configurations: every fault on the network, pauses, latencies of each distribution, logs that are compacted early and late, and kills with what was stored. Every node answers after healing.
sweep-consensus COUNT="1000": build
    #!/usr/bin/env bash
    set -euo pipefail
    first=0
    sweep() {
        echo "seeds $first..$((first + {{COUNT}})): $*"
        {{eddy}} sweep --seeds "$first..$((first + {{COUNT}}))" --simulate consensus -w lin-kv --concurrency 4n \
            --time-limit 30 --settle 5 "$@"
        first=$((first + {{COUNT}}))
    }
    network=partition,loss,duplicate,one-way,pause
    sweep --node-count 5 --rate 100 --latency 10 --nemesis "$network" --nemesis-interval 3
    sweep --node-count 3 --rate 100 --latency 30 --latency-dist exponential --nemesis "$network" --nemesis-interval 2 -- --compact-after 5
    for nodes in 3 5; do
        for compact in 5 50 1000; do
            for latency in "10 --latency-dist constant" "20 --latency-dist uniform" "40 --latency-dist exponential"; do
                sweep --node-count "$nodes" --rate 50 --latency $latency --nemesis kill,partition,pause --nemesis-interval 1.5 -- --state-dir '{run}' --compact-after "$compact"
            done
        done
    done

# A sweep as a Slurm array, under a real Slurm on this machine (Debian: slurm-wlm, munge), and its result.
sweep-slurm TASKS="4" SEEDS="0..1000" OUT="store/slurm": build
    EDDY={{eddy}} docs/slurm/one-machine {{TASKS}} {{OUT}} --seeds {{SEEDS}} --jobs 1 --simulate gossiper -w broadcast --node-count 5 --rate 20 --time-limit 20 --latency 20 --nemesis partition,loss,duplicate,one-way,pause --nemesis-interval 3

# What `consensus --help` promises of clusters without a state directory, for so many seeds of kills and cuts.
sweep-promise COUNT="1000":
    SEEDS={{COUNT}} cargo test --release -p consensus --test it promise

# How many seeds each strategy needs until it finds each bug of the corpus: medians of three trials.
corpus *FLAGS:
    cargo run --release --quiet -p corpus --features table -- {{FLAGS}}

# The same with ten trials of up to 100,000 seeds, for a night; it goes on where it was stopped.
corpus-full *FLAGS:
    mkdir -p store
    cargo run --release --quiet -p corpus --features table -- --trials 10 --seeds 100000 --out store/corpus-full.jsonl {{FLAGS}}

# The nodes of all three tracks and of the challenges under the faults that they are to bear, for so many seeds each. (`just sweep-kafka`, `sweep-txn`, `sweep-byzantine`, `sweep-consensus` and `sweep-gossiper` have the others.)
sweep-nodes COUNT="10000": build
    #!/usr/bin/env bash
    set -euo pipefail
    sweep() {
        echo "$*"
        {{eddy}} sweep --seeds 0..{{COUNT}} --latency 10 --nemesis-interval 3 --time-limit 20 --simulate "$@"
    }
    network=partition,one-way,loss,duplicate,pause
    kills=kill,partition,pause,loss
    ids="-w unique-ids --node-count 5 --rate 100"
    sweep identifier $ids --nemesis $network,clock -- snowflake
    sweep identifier $ids --nemesis $kills,clock -- snowflake --state-dir '{run}'
    sweep identifier $ids --causal-ids --nemesis $network,clock -- hlc
    sweep identifier $ids --causal-ids --nemesis $kills,clock -- hlc --state-dir '{run}'
    sweep identifier -w echo --node-count 3 --rate 50 --nemesis kill,$network -- echo
    for node in g-set g-counter pn-counter; do
        sweep gossiper -w $node --node-count 5 --rate 20 --nemesis $network -- $node
        sweep gossiper -w $node --node-count 5 --rate 20 --nemesis $kills -- $node --state-dir '{run}'
    done
    sweep gossiper -w g-counter --node-count 3 --rate 50 --nemesis $network -- g-counter-services
    sweep gossiper -w g-counter --node-count 3 --rate 50 --nemesis $kills -- g-counter-services --state-dir '{run}'
    txn="-w txn-rw-register --concurrency 2n --rate 50"
    sweep gossiper $txn --node-count 1 --nemesis pause --consistency-models read-uncommitted -- txn-single
    sweep gossiper $txn --node-count 1 --nemesis kill,pause --consistency-models read-uncommitted -- txn-single --state-dir '{run}'
    for model in read-uncommitted read-committed; do
        sweep gossiper $txn --node-count 3 --nemesis $network --consistency-models $model -- txn-$model
        sweep gossiper $txn --node-count 3 --nemesis $kills --consistency-models $model -- txn-$model --state-dir '{run}'
    done
    store="-w lin-kv --node-count 5 --concurrency 4n --rate 50 --settle 5"
    sweep consensus $store --nemesis $network -- multi-paxos
    sweep consensus $store --nemesis $kills -- multi-paxos --state-dir '{run}'

# Members that come and go while everything else breaks as well, for so many seeds.
sweep-membership COUNT="10000" *FLAGS: build
    {{eddy}} sweep --seeds 0..{{COUNT}} --simulate consensus -w lin-kv --node-count 5 --concurrency 4n --rate 50 --latency 10 --time-limit 20 --settle 5 --nemesis-interval 3 --nemesis membership,partition,loss,duplicate,one-way,pause,kill {{FLAGS}} -- --state-dir '{run}'

# Changes the code in small ways and sees whether the tests notice: `just mutants raft`. It takes hours, and goes on where it was stopped.
mutants *SETS:
    @command -v cargo-mutants >/dev/null || cargo install --locked cargo-mutants
    mutants/run {{SETS}}

# The checkers against other crates.
bench-checkers:
    cd crates/checkers/benchmark && cargo run --release

# Virtual time against real time.
bench-simulator:
    cargo bench -p maelstrom-tests --bench simulator

# Time, memory, messages and latencies by number of nodes, up to 1,000 in virtual time.
bench-scale *FILTER:
    cargo bench -p maelstrom-tests --bench scale -- {{FILTER}}

# Programs in eight languages in virtual time and as real processes: how many times real time, what that costs, seeds a minute. `--without-real` at the end leaves the latter out, which take ten minutes.
bench-virtual-time PROGRAMS="python,asyncio,ruby,node,go,rust,c,java" *FLAGS: build
    cargo bench -q -p supervisor --bench table -- {{justfile_directory()}}/{{bin}}/eddy {{PROGRAMS}} {{FLAGS}}

# Every planted bug of maelstrom-tests/tests/nodes/planted: found by a sweep, made smaller, repeated.
planted:
    cargo test -q --release -p maelstrom-tests --test it planted -- --include-ignored

# The same run so many times, of every program, call by call: the long form of what CI does 20 times.
replay-virtual-time RUNS="1000":
    SUPERVISOR_RUNS={{RUNS}} cargo test -q --release -p supervisor --test it repeats

# The bench itself with real processes: overhead, highest rate, memory.
bench-eddy: build
    cargo bench -p maelstrom-tests --bench eddy

# Memory and cost of the gossiper with a million values.
bench-gossiper: build
    cargo bench -p gossiper --bench gossiper

# Raft, Multi-Paxos, PBFT and Tendermint: the same clients, latencies and faults, one table, in virtual time.
compare-consensus:
    cargo bench -p maelstrom-tests --bench compare_consensus

# Latency, messages and availability of the consensus node, in virtual time.
bench-consensus:
    cargo bench -p consensus --bench consensus

# The same workload with the real Maelstrom, from $MAELSTROM or the path: `just maelstrom -w unique-ids --bin target/release/identifier --node-count 3 --time-limit 20`.
maelstrom *ARGS: build
    #!/usr/bin/env bash
    set -euo pipefail
    maelstrom="${MAELSTROM:-$(command -v maelstrom || true)}"
    if [ -z "$maelstrom" ]; then
        echo "no Maelstrom found: set MAELSTROM to its launcher, or put it on the path." >&2
        echo "It needs a JDK, gnuplot and Graphviz; releases: github.com/jepsen-io/maelstrom" >&2
        exit 2
    fi
    "$maelstrom" test {{ARGS}}

# The node runtime against a single-threaded reference program: speed, and memory over five million requests.
bench-runtime:
    cargo build --release -p identifier -p proto --bins --examples
    cargo bench -p proto --bench runtime
