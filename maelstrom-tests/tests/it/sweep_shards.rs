//! A sweep in shards: each leaves a file that it goes on from when it is started again, and `eddy
//! merge` makes of the files what one process would have found.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{TemporaryDirectory, eddy, run};

/// Ids that are counted in memory repeat after a restart: most seeds fail.
const SWEEP: &str = "sweep --seeds 0..40 --simulate identifier -w unique-ids --node-count 3 \
    --time-limit 10 --nemesis kill,pause --nemesis-interval 3 --strategy independent --shrink 0 --jobs 1";

fn words(out: &Path, more: &[&str]) -> Vec<String> {
    let store = out.with_file_name("store");
    let mut words: Vec<String> = SWEEP.split_whitespace().map(str::to_owned).collect();
    for (flag, path) in [("--out", out), ("--store", &store)] {
        words.extend([flag.to_owned(), path.to_str().expect("the path is UTF-8").to_owned()]);
    }
    words.extend(more.iter().map(ToString::to_string));
    words
}

fn sweep(out: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    run(&words(out, more).iter().map(String::as_str).collect::<Vec<_>>())
}

fn merge(directories: &[&Path], more: &[&str]) -> (Option<i32>, String, String) {
    let mut args = vec!["merge"];
    args.extend(directories.iter().map(|path| path.to_str().expect("the path is UTF-8")));
    args.extend(more);
    run(&args)
}

/// Starts a shard as a process of its own.
fn start(out: &Path, shard: &str) -> Child {
    let mut command = Command::new(eddy());
    command.args(words(out, &["--shard", shard])).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().expect("eddy starts")
}

#[test]
fn four_shards_one_of_them_killed_and_started_again_find_what_one_process_finds() {
    let directory = TemporaryDirectory::new("sweep-four");
    let path = |name: &str| directory.path().join(name);
    let (whole, parts, elsewhere) = (path("whole"), path("parts"), path("elsewhere"));

    let mut victim = start(&parts, "2/4");
    let others = [start(&parts, "0/4"), start(&elsewhere, "1/4"), start(&parts, "3/4")];
    let stdout = BufReader::new(victim.stdout.take().expect("stdout is piped"));
    let failing = stdout.lines().map_while(Result::ok).filter(|line| line.contains("is invalid"));
    assert_eq!(failing.take(2).count(), 2);
    victim.kill().expect("it can be killed");
    victim.wait().expect("it ends");
    for other in others {
        let output = other.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(1), "it goes on after a failure");
    }

    // However far it came, as if the kill had been in the middle of its fourth line.
    let file = parts.join("shard-2-of-4.jsonl");
    let text = fs::read_to_string(&file).expect("the file is there");
    let kept: Vec<&str> = text.split_inclusive('\n').take(3).collect();
    fs::write(&file, kept.concat() + "{\"seed\":1").expect("the file can be written");
    let (status, stdout, _) = merge(&[&parts, &elsewhere], &[]);
    assert_eq!(status, Some(1));
    assert!(stdout.contains("\n32 of 40 seeds tried: "), "{stdout}");
    assert!(
        stdout.ends_with("\n8 seeds are missing: 10, 14, 18, 22, 26, 30, 34, 38\n"),
        "{stdout}"
    );

    let (status, stdout, stderr) = sweep(&parts, &["--shard", "2/4"]);
    assert_eq!(status, Some(1), "{stderr}");
    let first = "2 of 10 seeds were tried before and are not tried again\n";
    assert!(stdout.starts_with(first), "{stdout}");
    assert!(stdout.contains("\n10 of 10 seeds tried: "), "{stdout}");
    let text = fs::read_to_string(&file).expect("the file is there");
    assert_eq!(text.lines().count(), 11, "a header, and each seed once: {text}");
    assert!(text.starts_with(&kept.concat()));

    assert_eq!(sweep(&whole, &[]).0, Some(1));
    for flags in [&[][..], &["--json"]] {
        let one = merge(&[&whole], flags);
        assert_eq!(one.0, Some(1), "{}", one.2);
        assert!(one.1.contains(" ids were given out more than once"), "{}", one.1);
        assert_eq!(one, merge(&[&parts, &elsewhere], flags), "{flags:?}");
        assert_eq!(one, merge(&[&elsewhere, &parts], flags), "{flags:?}");
    }

    // Nothing is left to be done, and the lowest failing seed fails when it is repeated.
    let (_, stdout, _) = sweep(&whole, &["--keep-going"]);
    assert!(stdout.starts_with("40 of 40 seeds were tried before"), "{stdout}");
    let (_, merged, _) = merge(&[&whole], &[]);
    let (_, command) = merged.split_once("  repeat:  eddy ").expect("there is a command");
    let command = command.lines().next().unwrap_or_default();
    let mut words: Vec<&str> = command.split(' ').collect();
    let store = path("store");
    words.extend(["--quiet", "--store", store.to_str().expect("the path is UTF-8")]);
    let (status, stdout, _) = run(&words);
    assert_eq!(status, Some(1), "{stdout}");
}

#[test]
fn different_sweeps_are_neither_gone_on_with_nor_merged() {
    let directory = TemporaryDirectory::new("sweep-different");
    let (one, two) = (directory.path().join("one"), directory.path().join("two"));
    let few = ["--shard", "0/20"];
    assert_eq!(sweep(&one, &few).0, Some(1));
    assert_eq!(sweep(&two, &["--shard", "0/20", "--rate", "6"]).0, Some(1));

    let (status, stdout, stderr) = sweep(&one, &["--shard", "0/20", "--rate", "6"]);
    assert_eq!((status, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("are different sweeps, of `eddy test "), "{stderr}");
    let (status, stdout, stderr) = merge(&[&one, &two], &[]);
    assert_eq!((status, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("are different sweeps, of `eddy test "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");

    let (status, _, stderr) = merge(&[directory.path()], &[]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("there is no file of a sweep in "), "{stderr}");
}

#[test]
fn a_guided_sweep_is_the_same_in_shards_on_threads_and_after_a_stop() {
    let directory = TemporaryDirectory::new("sweep-guided");
    let guided = SWEEP.replace("independent", "guided").replace("0..40", "50..250");
    let sweep = |name: &str, more: &[&str]| {
        let path = |name: &str| directory.path().join(name).display().to_string();
        let command = format!("{guided} --out {} --store {}", path(name), path("store"));
        let words: Vec<&str> = command.split_whitespace().chain(more.iter().copied()).collect();
        run(&words).0
    };
    let merged = |name: &str| merge(&[&directory.path().join(name)], &[]);
    assert_eq!(sweep("whole", &[]), Some(1));
    let whole = merged("whole");
    assert!(whole.1.contains("200 of 200 seeds tried: "), "{}", whole.1);

    // Seeds 50 to 99 and 200 to 249 are one shard, 100 to 199 the other.
    for shard in ["0/2", "1/2"] {
        assert_eq!(sweep("parts", &["--shard", shard]), Some(1));
    }
    assert_eq!(merged("parts"), whole);

    // The runs of an island that was left in its middle are made again, as they were.
    let file = directory.path().join("parts/shard-1-of-2.jsonl");
    let text = fs::read_to_string(&file).expect("the file is there");
    let kept: Vec<&str> = text.split_inclusive('\n').take(40).collect();
    fs::write(&file, kept.concat()).expect("the file can be written");
    assert_eq!(sweep("parts", &["--shard", "1/2"]), Some(1));
    assert_eq!(fs::read_to_string(&file).expect("the file is there"), text);

    // What is said to repeat a seed does.
    let (_, command) = whole.1.split_once("  repeat:  eddy ").expect("there is a command");
    let command = command.lines().next().unwrap_or_default();
    let store = directory.path().join("again").display().to_string();
    let words: Vec<&str> = command.split(' ').chain(["--store", &store]).collect();
    assert_eq!(run(&words).0, Some(1), "{command}");
}
