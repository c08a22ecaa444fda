//! Arguments, from the outside.

use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_identifier"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn good_arguments_run_the_node_to_the_end_of_its_input() {
    for arguments in [
        &[][..],
        &["unique-ids"],
        &["--scheme", "counter"],
        &["--scheme=timestamp"],
        &["unique-ids", "--scheme", "random"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!((output.stdout, output.stderr), (vec![], vec![]), "{arguments:?}");
    }
}

#[test]
fn a_wrong_argument_is_one_line_that_says_what_is_right_and_exit_code_2() {
    for (arguments, right) in [
        (&["broadcast"][..], "`unique-ids`"),
        (&["--scheme", "snowflake"], "`counter`, `timestamp`, `random`"),
        (&["--scheme"], "--scheme"),
        (&["--shceme", "random"], "--scheme counter|timestamp|random"),
        (&["unique-ids", "twice"], "usage: identifier [unique-ids]"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("identifier: ") && said.contains(right), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    for (arguments, expected) in [
        (&["--help"][..], "--state-dir DIR"),
        (&["unique-ids", "-h"], "usage: identifier"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains(expected), "{arguments:?}");
    }
}
