//! `eddy tasks`: the sample cases pass, and nodes that get them wrong are found out.

use std::fs;
use std::process::Command;

use crate::support::{TemporaryDirectory, binaries, eddy, run, write_script};

#[test]
fn every_case_of_every_task_passes() {
    binaries();
    let (status, stdout, stderr) = run(&["tasks"]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.contains("\n2-3 Implement ID Generation During Network Partition\n  ok     sample: generate basic ID\n"), "{stdout}");
    assert!(stdout.ends_with(" passed, 0 failed\n"), "{stdout}");
}

#[test]
fn tasks_are_chosen_by_their_ids() {
    binaries();
    let (status, stdout, _) = run(&["tasks", "2-1"]);
    assert_eq!(status, Some(0));
    let headings = stdout.lines().filter(|line| !line.starts_with(' '));
    let expected = ["2-1 Generate Unique IDs Using Node ID and Timestamp", "2 passed, 0 failed"];
    assert_eq!(headings.collect::<Vec<_>>(), expected);
    let (status, stdout, stderr) = run(&["tasks", "nine"]);
    assert_eq!((status, stdout.as_str()), (Some(2), ""));
    assert!(stderr.starts_with("eddy: there is no task `nine`; there are: 2-1, "), "{stderr}");
    let (status, _, stderr) = run(&["tasks", "2-1", "--bin-dir", "/nowhere"]);
    assert_eq!(status, Some(2));
    assert!(
        stderr.starts_with("eddy: there is no identifier for task 2-1 in /nowhere: "),
        "{stderr}"
    );
}

#[test]
fn tasks_are_listed_and_shown_without_being_run() {
    let (status, stdout, _) = run(&["tasks", "--list"]);
    assert_eq!(status, Some(0));
    let line = stdout.lines().find(|line| line.starts_with("2-2-2 ")).expect("it is listed");
    assert!(line.contains(" Implement Timestamp Component with Custom Epoch "), "{line}");
    assert!(line.ends_with(" cases  identifier snowflake"), "{line}");
    let (status, stdout, _) = run(&["tasks", "--show", "2-2-1"]);
    assert_eq!(status, Some(0));
    for part in [
        "2-2-1 Implement Snowflake ID Bit Layout\n",
        "\nServed by      identifier snowflake --epoch unix\n",
        "\nDecided where its text is open or contradicts itself\n  - ",
        "\n    > {\"src\":\"c0\",\"dest\":\"n1\",\"body\":{\"type\":\"init\"",
        "\n    < {\"src\":\"n1\",",
    ] {
        assert!(stdout.contains(part), "no {part:?} in:\n{stdout}");
    }
    assert_eq!(run(&["tasks", "--list", "--show"]).0, Some(2));
}

/// What `eddy tasks 2-1` prints if eddy lies alone in a directory and is started in another one.
fn from_elsewhere(
    name: &str,
    beside: Option<&str>,
    on_path: Option<&str>,
) -> (Option<i32>, String) {
    let directory = TemporaryDirectory::new(name);
    let [bin, path, here] = ["bin", "path", "here"].map(|name| directory.path().join(name));
    for directory in [&bin, &path, &here] {
        fs::create_dir(directory).expect("a directory can be made");
    }
    fs::hard_link(eddy(), bin.join("eddy")).expect("a program may have two names");
    for (directory, script) in [(&bin, beside), (&path, on_path)] {
        if let Some(script) = script {
            write_script(&directory.join("identifier"), script);
        }
    }
    let output = Command::new(bin.join("eddy"))
        .args(["tasks", "2-1"])
        .current_dir(&here)
        .env("PATH", format!("{}:/usr/bin:/bin", path.display()))
        .output()
        .expect("eddy starts");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn cases_need_no_checkout_and_nodes_lie_beside_eddy_or_on_the_search_path() {
    let says = |word: &str| format!("cat > /dev/null; echo {word} >&2");
    let (status, text) = from_elsewhere("tasks-beside", Some(&says("one")), Some(&says("two")));
    assert_eq!(status, Some(1));
    assert!(text.contains("stderr         one") && !text.contains("two"), "{text}");
    let (status, text) = from_elsewhere("tasks-path", None, Some(&says("two")));
    assert_eq!(status, Some(1));
    assert!(text.contains("stderr         two"), "{text}");
    let (status, text) = from_elsewhere("tasks-nowhere", None, None);
    assert_eq!(status, Some(2));
    let start = "eddy: there is no identifier for task 2-1 beside eddy or on the search path: ";
    assert!(text.starts_with(start), "{text}");
}

/// Runs one case against a shell script, with one second for it.
fn try_script(name: &str, script: &str) -> (Option<i32>, String) {
    let directory = TemporaryDirectory::new(name);
    let path = directory.path();
    write_script(&path.join("node"), script);
    let task = r#"{"task": "1", "title": "T", "bin": "node", "timeout": 1, "cases": [
        {"name": "C", "input": ["one", {"a": 1}], "expected": [{"x": 1}, {"y": 0}]}]}"#;
    fs::write(path.join("1.json"), task).expect("the task can be written");
    let path = path.to_str().expect("the path is UTF-8");
    let (status, stdout, stderr) = run(&["tasks", "--tasks", path, "--bin-dir", path]);
    assert_eq!(stderr, "");
    (status, stdout)
}

#[test]
fn a_node_gets_the_lines_and_then_the_end_of_its_input() {
    // It answers only once it has seen the end, and only if the lines are the right ones.
    let script = r#"test "$(cat)" = 'one
{"a": 1}' && printf '{"x":1.0}\nnot json\n{"y":0.0}\n'"#;
    let (status, stdout) = try_script("right", script);
    assert_eq!((status, stdout.as_str()), (Some(0), "1 T\n  ok     C\n1 passed, 0 failed\n"));
}

#[test]
fn wrong_lines_are_shown_against_the_expected_ones() {
    let script = r#"cat > /dev/null; echo trouble >&2; echo '{"x":1}'; echo '{"y":7}'"#;
    let (status, stdout) = try_script("wrong", script);
    assert_eq!(status, Some(1));
    for line in [
        "  FAILED C",
        r#"           as expected  {"x":1}"#,
        r#"         - expected     {"y": 0}"#,
        r#"         + came         {"y":7}"#,
        "                        y: expected 0, came 7",
        "         stderr         trouble",
        "0 passed, 1 failed",
    ] {
        assert!(stdout.lines().any(|it| it == line), "no {line:?} in:\n{stdout}");
    }
}

#[test]
fn a_node_has_to_end_in_time_and_well() {
    let answers = r#"echo '{"x":1}'; echo '{"y":0}';"#;
    let (status, stdout) = try_script("slow", &format!("{answers} exec sleep 60"));
    assert_eq!(status, Some(1));
    assert!(stdout.contains("did not end within 1 s of the end of its input"), "{stdout}");
    let (status, stdout) = try_script("exit", &format!("{answers} exit 3"));
    assert_eq!(status, Some(1));
    assert!(stdout.contains("the node ended with exit status: 3"), "{stdout}");
}
