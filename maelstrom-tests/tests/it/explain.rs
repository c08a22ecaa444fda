//! `eddy explain`: a run told as a story.

use crate::support::{TemporaryDirectory, run};

#[test]
fn a_run_is_told_with_its_faults_its_operations_and_what_went_wrong() {
    let store = TemporaryDirectory::new("explain");
    let store = store.path().to_str().expect("UTF-8");
    let test = "test -w unique-ids --simulate identifier --nemesis kill --nemesis-interval 2 --rate 100 \
                --time-limit 5 --seed 1 --store";
    let args: Vec<&str> = test.split_whitespace().chain([store]).collect();
    let (status, out, err) = run(&args);
    assert_eq!(status, Some(1), "{out}{err}");
    let (status, out, err) = run(&["explain", "unique-ids/latest", "--store", store]);
    assert_eq!(status, Some(0), "{err}");
    for told in
        ["INVALID", " times: ", "--- `kill` begins: ", "process ", ": generate → \"", "Again: "]
    {
        assert!(out.to_lowercase().contains(&told.to_lowercase()), "{told} is not in: {out}");
    }
    assert!(out.lines().count() < 80, "{out}");
    assert!(!out.contains("chance"), "{out}");
    for (chance, told) in [
        ("none", "Nothing was left to chance: other seeds make the same run."),
        ("nemesis:0-,nodes:2", "Left to chance was nothing but nemesis:0-,nodes:2."),
    ] {
        run(&[&args[..], &["--chance", chance]].concat());
        let (_, out, _) = run(&["explain", "unique-ids/latest", "--store", store]);
        assert!(out.contains(told), "{told} is not in: {out}");
    }
    let (status, _, err) = run(&["explain", "nowhere", "--store", store]);
    assert_eq!(status, Some(2), "{err}");
}

/// So much is lost that not all of it is told.
#[test]
fn what_the_first_sentence_names_is_told_however_much_there_is() {
    let store = TemporaryDirectory::new("explain-much");
    let store = store.path().to_str().expect("UTF-8");
    let program = crate::process_bench::node("broadcast.py");
    let test = "test -w broadcast --virtual-time --node-count 25 --rate 200 --time-limit 2 --latency 20 \
                --loss 0.5 --recovery-time 1 --seed 1 --store";
    let args: Vec<&str> = test.split_whitespace().chain([store, "--bin"]).collect();
    let (status, out, err) = run(&[&args[..], &[program.to_str().expect("UTF-8")]].concat());
    assert_eq!(status, Some(1), "{out}{err}");
    let (_, out, _) = run(&["explain", "latest", "--store", store]);
    assert!(out.contains("0 was added at n17 at 0.000 s and then lost: the read of n24"), "{out}");
    assert!(out.contains(" earlier events are left out)"), "{out}");
    assert!(out.contains("asks n17: broadcast 0: ok"), "{out}");
    assert!(out.contains("asks n24: read → "), "{out}");
}
