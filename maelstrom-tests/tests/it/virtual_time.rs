//! Programs that know nothing of it, in virtual time: their defects are found by a sweep, and a seed
//! repeats a run exactly.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{TemporaryDirectory, run, write_script};

fn node(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nodes").join(name);
    path.to_str().expect("the path is UTF-8").to_owned()
}

/// Whether this machine lets programs be ruled: some containers do not, and `eddy doctor` says so.
pub(crate) fn is_possible() -> bool {
    let (status, out, _) = run(&["doctor"]);
    assert_eq!(status, Some(0), "what a machine does not allow is no failure of the doctor's");
    assert!(["ptrace", "seccomp", "personality", "user"].iter().all(|word| out.contains(word)));
    assert_eq!(
        out.contains("Virtual time works here"),
        !out.contains("does not work here"),
        "{out}"
    );
    out.contains("Virtual time works here")
}

/// Runs `eddy` with these words and a store, the store's before the node's own arguments.
pub(crate) fn eddy(store: &Path, words: &str, more: &[&str]) -> (Option<i32>, String) {
    let mut args: Vec<_> = words.split_whitespace().collect();
    args.extend(["--virtual-time", "--store", store.to_str().expect("the path is UTF-8")]);
    args.extend(more);
    let (status, out, err) = run(&args);
    (status, out + &err)
}

/// The files of the store's latest run.
fn latest(store: &Path, file: &str) -> Vec<u8> {
    let path = store.join("latest").join(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn seed(out: &str) -> &str {
    let line = out.lines().find(|line| line.starts_with("seed ") && line.contains(" is invalid"));
    line.and_then(|line| line.split(' ').nth(1)).unwrap_or_else(|| panic!("no seed in:\n{out}"))
}

#[test]
fn a_program_of_several_files_repeats_from_its_very_first_run() {
    if !is_possible() {
        return;
    }
    let [program, store] = ["vt-files", "vt-files-store"].map(TemporaryDirectory::new);
    let file = |name: &str| program.path().join(name);
    fs::copy(node("echo.py"), file("parts.py")).expect("the file can be copied");
    fs::write(file("whole.py"), "import parts\n").expect("the file can be written");
    write_script(&file("node"), &format!("exec python3 {}", file("whole.py").display()));
    let test =
        format!("test -w echo --node-count 1 --time-limit 1 --bin {}", file("node").display());
    let (status, told) = eddy(store.path(), &test, &["--verify"]);
    assert_eq!(status, Some(0), "{told}");
    assert!(told.contains("verified"), "{told}");
}

#[test]
fn a_node_that_was_started_again_is_asked_when_it_has_answered_init() {
    if !is_possible() {
        return;
    }
    let store = TemporaryDirectory::new("vt-late-name");
    let run = format!(
        "test -w echo --bin {} --node-count 2 --time-limit 5 --rate 100 --seed 1 --nemesis kill \
         --nemesis-interval 0.7",
        node("late_name.py")
    );
    let (status, told) = eddy(store.path(), &run, &[]);
    assert_eq!(status, Some(0), "{told}");
    // Another node may ask before: `init` may wait for that.
    let run = run.replace("--nemesis kill", "--nemesis pause");
    let (status, told) = eddy(store.path(), &run, &["--", "haste"]);
    assert_eq!(status, Some(1), "{told}");
    let says = "its `src` is null and should be a string; it has not answered `init` yet: is another message";
    assert!(told.contains(says), "{told}");
}

#[test]
fn an_interpreter_on_the_search_path_and_a_script_named_from_here_will_do_in_both_worlds() {
    let store = TemporaryDirectory::new("vt-here");
    let words = "test -w echo --bin python3 --node-count 1 --time-limit 1 --store";
    let mut args: Vec<_> = words.split_whitespace().collect();
    args.push(store.path().to_str().expect("the path is UTF-8"));
    let worlds: &[&[&str]] = if is_possible() { &[&[], &["--virtual-time"]] } else { &[&[]] };
    for flag in worlds {
        let (status, out, err) = run(&[&args, *flag, &["--", "tests/nodes/echo.py"]].concat());
        assert_eq!(status, Some(0), "{flag:?}: {out}{err}");
    }
}

#[test]
fn a_lost_message_that_nobody_sends_again_is_found_by_a_sweep_and_replayed_byte_for_byte() {
    if !is_possible() {
        return;
    }
    let stores = ["vt-found", "vt-again", "vt-more"].map(TemporaryDirectory::new);
    let run = format!(
        "-w broadcast --bin {} --node-count 3 --topology line --time-limit 2 --rate 5 --latency 20 \
         --recovery-time 1 --nemesis partition --nemesis-interval 1",
        node("broadcast.py")
    );
    let (status, out) = eddy(
        stores[0].path(),
        &format!("sweep --seeds 0..40 --strategy independent {run}"),
        &["--shrink", "0"],
    );
    assert_eq!(status, Some(1), "{out}");
    assert!(out.contains("are gone") && !out.contains("cannot be replayed"), "{out}");
    assert!(out.contains("--virtual-time"), "the command that repeats it says how: {out}");
    for store in &stores[1..] {
        let test = format!("test {run} --seed {}", seed(&out));
        let (status, told) = eddy(store.path(), &test, &["--verify", "--json"]);
        assert_eq!(status, Some(1), "{told}");
        assert!(told.contains("a second run was the same"), "{told}");
    }
    for file in ["history.jsonl", "messages.jsonl"] {
        let [found, again, more] = stores.each_ref().map(|store| latest(store.path(), file));
        assert!(!found.is_empty());
        assert!(found == again && again == more, "{file} differs");
    }
}

#[test]
fn a_node_that_sends_again_loses_nothing_under_faults_of_every_kind() {
    if !is_possible() {
        return;
    }
    let store = TemporaryDirectory::new("retrying");
    let run = format!(
        "sweep --seeds 0..4 -w broadcast --bin {} --node-count 3 --time-limit 4 --rate 5 --latency 20 \
         --recovery-time 3 --nemesis partition,one-way,pause,loss,duplicate,clock --nemesis-interval 1",
        node("retrying_broadcast.py")
    );
    let (status, out) = eddy(store.path(), &run, &[]);
    assert_eq!(status, Some(0), "{out}");
}

#[test]
fn ids_that_are_counted_in_memory_repeat_after_a_kill() {
    if !is_possible() {
        return;
    }
    let store = TemporaryDirectory::new("forgetful");
    let run = format!(
        "sweep --seeds 0..20 -w unique-ids --bin {} --node-count 2 --time-limit 3 --rate 10 \
         --nemesis kill --nemesis-interval 1 --shrink 0",
        node("forgetful_ids.py")
    );
    let (status, out) = eddy(store.path(), &run, &[]);
    assert_eq!(status, Some(1), "{out}");
    assert!(out.contains("(workload)"), "{out}");
}

#[test]
fn what_a_node_wrote_to_its_directory_survives_a_kill_and_is_kept_with_the_run() {
    if !is_possible() {
        return;
    }
    let store = TemporaryDirectory::new("starts");
    let script = script(
        &store,
        r#"echo started >> "$1/starts"
        while read -r line; do
            src=${line#*\"src\":\"}; src=${src%%\"*}; id=${line##*msg_id\":}; id=${id%%[,\}]*}
            case $line in
            *'"init"'*) node=${line#*node_id\":\"}; node=${node%%\"*}; type=init_ok;;
            *) type=echo_ok; echo=${line#*\"echo\":}; echo=,\"echo\":${echo%%[,\}]*};;
            esac
            echo "{\"src\":\"$node\",\"dest\":\"$src\",\"body\":{\"type\":\"$type\",\"in_reply_to\":$id$echo}}"
        done"#,
    );
    let run = format!(
        "test -w echo --bin {} --node-count 1 --time-limit 6 --rate 5 --seed 1 --nemesis kill \
         --nemesis-interval 1",
        script.display()
    );
    let (status, out) = eddy(store.path(), &run, &["--", "{run}"]);
    assert_eq!(status, Some(0), "{out}");
    let starts = latest(store.path(), "state/n0/starts");
    assert!(starts.len() > "started\n".len(), "it was started again and found its file");
}

/// A node as a shell script in a store's directory.
fn script(store: &TemporaryDirectory, script: &str) -> PathBuf {
    let path = store.path().join("node.sh");
    write_script(&path, script);
    path
}

#[test]
fn a_node_that_ends_writes_garbage_or_keeps_silent_is_named() {
    if !is_possible() {
        return;
    }
    let then = |rest: &str| {
        let init_ok = r#"{"src":"n0","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}"#;
        format!("read -r line; echo '{init_ok}'; {rest}; cat > /dev/null")
    };
    for (name, text, expected) in [
        (
            "vt-ends",
            "echo no such file >&2; exit 3".to_owned(),
            ["it ended before it answered `init` (exit code 3)", "no such file"],
        ),
        (
            "vt-silent",
            "cat > /dev/null".to_owned(),
            ["did not answer `init` within 10 s", "flush stdout"],
        ),
        ("vt-garbage", then("echo Listening"), ["is no message", "did you print to stdout"]),
        (
            "vt-nobody",
            then(r#"echo '{"src":"n0","dest":"nobody","body":{}}'"#),
            ["is for `nobody`, who is not there", "unknown-destination"],
        ),
        (
            "vt-dies",
            then("read -r line; kill -SEGV $$"),
            ["the process ended by itself (signal 11, SIGSEGV)", "\"died\""],
        ),
    ] {
        let store = TemporaryDirectory::new(name);
        let script = script(&store, &text);
        let run = format!("test -w echo --bin {} --node-count 1 --time-limit 1", script.display());
        let (status, out) = eddy(store.path(), &run, &["--json"]);
        assert_eq!(status, Some(1), "{name}: {out}");
        for words in expected {
            assert!(out.contains(words), "{name}: {words} is not in {out}");
        }
    }
}

#[test]
fn a_node_that_ends_at_once_may_have_looked_for_a_file_of_the_directory_that_it_was_named_from() {
    let store = TemporaryDirectory::new("vt-named-from-here");
    let script = script(&store, "cat $1");
    let real = format!("test -w echo --bin {} --node-count 1 --time-limit 1", script.display());
    // Tests run in the directory of their package.
    let arguments = ["--json", "--store", store.path().to_str().unwrap(), "--", "src/lib.rs:src"];
    let hint =
        "run in a directory of their own: if `src/lib.rs` means the one here, give its full path";
    let mut words: Vec<&str> = real.split_whitespace().collect();
    words.extend(arguments);
    let (status, out, _) = crate::support::run(&words);
    assert!(status == Some(1) && out.contains(hint), "{out}");
    if is_possible() {
        let (status, out) = eddy(store.path(), &real, &["--json", "--", "src/lib.rs:src"]);
        assert!(status == Some(1) && out.contains(hint), "{out}");
    }
}

#[test]
fn a_node_that_does_not_read_or_has_closed_a_stream_is_named_as_with_real_processes() {
    if !is_possible() {
        return;
    }
    for (behaviour, expected) in [
        ("stops-reading", "it has not read its stdin for 4 s, while "),
        ("closes-stdin", "it closed its stdin and goes on running"),
        ("closes-stdout", "it closed its stdout and goes on running"),
    ] {
        let store = TemporaryDirectory::new(&format!("vt-{behaviour}"));
        let run = format!("test -w echo --bin {} --node-count 1 --time-limit 7", node("bad.py"));
        let (status, out) = eddy(store.path(), &run, &["--json", "--", behaviour]);
        assert_eq!(status, Some(1), "{behaviour}: {out}");
        assert!(out.contains(expected), "{behaviour}: {out}");
    }
}

#[test]
fn a_sweep_that_is_ended_leaves_no_directory() {
    if !is_possible() {
        return;
    }
    let store = TemporaryDirectory::new("vt-sweep-ended");
    let temporary = store.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let directories = || fs::read_dir(&temporary).unwrap().count();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_eddy"));
    command.args(["sweep", "--seeds", "0..1000000", "--virtual-time", "--jobs", "2", "-w", "echo"]);
    command.args(["--node-count", "1", "--bin"]).arg(node("echo.py")).arg("--store");
    command.arg(store.path().join("runs")).env("TMPDIR", &temporary);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut sweep = command.spawn().unwrap();
    while directories() < 2 && sweep.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&sweep);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(sweep.wait().unwrap().code(), Some(2));
    assert_eq!(directories(), 0);
}

#[test]
fn a_bench_that_is_killed_leaves_no_node_and_its_directory_goes_with_the_next() {
    if !is_possible() {
        return;
    }
    let store = TemporaryDirectory::new("vt-killed");
    let temporary = store.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let begin = |seconds: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_eddy"));
        command.args(["test", "-w", "echo", "--node-count", "1", "--virtual-time", "--bin"]);
        command.arg(node("echo.py")).args(["--rate", "100", "--time-limit", seconds, "--store"]);
        command.arg(store.path().join("runs")).env("TMPDIR", &temporary);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command.spawn().unwrap()
    };
    let directories = || {
        let entries = fs::read_dir(&temporary).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let mut bench = begin("1000");
    while directories().is_empty() && bench.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    bench.kill().unwrap();
    bench.wait().unwrap();
    // Whoever lives was started in that directory, which may be gone by now.
    let lives = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let places = processes.filter_map(|process| fs::read_link(process.path().join("cwd")).ok());
        places.filter(|place| place.starts_with(&temporary)).count()
    };
    assert!((0..10_000).any(|_| lives() == 0), "a node outlives the bench");
    for left in directories() {
        fs::write(left.join("eddy.lock"), "").unwrap();
        fs::File::open(left).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    begin("1").wait().unwrap();
    assert!(directories().is_empty(), "the next bench has cleared up");
}

#[test]
fn a_program_that_does_something_else_each_time_is_told_so_when_it_is_verified() {
    if !is_possible() {
        return;
    }
    let store = TemporaryDirectory::new("unruly");
    // The real process number comes from outside of virtual time, and each run has another.
    let script = script(
        &store,
        r#"read -r pid rest < /proc/self/stat; read -r line
        echo "{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"type\":\"init_ok\",\"in_reply_to\":1,\"pid\":$pid}}"
        cat > /dev/null"#,
    );
    let run = format!(
        "test -w unique-ids --bin {} --node-count 1 --time-limit 1 --rate 0 --verify",
        script.display()
    );
    let (status, out) = eddy(store.path(), &run, &["--json"]);
    assert_eq!(status, Some(2), "{out}");
    assert!(out.contains("cannot be replayed from its seed"), "{out}");
}

#[test]
fn a_program_in_a_run_without_chance_draws_the_same_with_every_seed() {
    if !is_possible() {
        return;
    }
    let store = TemporaryDirectory::new("vt-no-chance");
    let path = store.path().join("node");
    let source = "import json, os, sys\nfor text in sys.stdin:\n m = json.loads(text)\n b = m[\"body\"]\n \
                  b = {\"type\": b[\"type\"] + \"_ok\", \"in_reply_to\": b[\"msg_id\"], \"id\": os.urandom(8).hex()}\n \
                  print(json.dumps({\"src\": m[\"dest\"], \"dest\": m[\"src\"], \"body\": b}), flush=True)";
    write_script(&path, &format!("exec python3 -c '{source}'"));
    let messages = |chance: &str, seed: u32| {
        let run = format!(
            "test -w unique-ids --node-count 2 --time-limit 2 --nemesis kill --nemesis-interval 0.5 \
             --seed {seed} --chance {chance} --bin {}",
            path.display()
        );
        let (status, told) = eddy(store.path(), &run, &[]);
        assert_eq!(status, Some(0), "{told}");
        let all = String::from_utf8(latest(store.path(), "messages.jsonl")).expect("JSON");
        let of = |node: &str| -> Vec<String> {
            let from = format!(r#""src":"{node}""#);
            all.lines().filter(|line| line.contains(&from)).map(str::to_owned).collect()
        };
        [of("n0"), of("n1")]
    };
    let [one, other] = [1, 2].map(|seed| messages("none", seed));
    assert!(one[0].len() > 3 && one[0] == other[0] && one[1] == other[1], "{one:?} {other:?}");
    let [one, other] = [1, 2].map(|seed| messages("nodes:1", seed));
    assert!(one[0] == other[0] && one[1] != other[1], "{one:?} {other:?}");
}
