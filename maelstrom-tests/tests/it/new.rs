//! `eddy new`: in each language that the machine has, what is printed works, and the node is right.
//! `eddy completions` and `eddy man` know every command.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{TemporaryDirectory, eddy, run};

/// Whether the machine has a program.
fn has(program: &str) -> bool {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("command -v {program}")]).stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs a line that eddy printed, in this directory.
fn follow(line: &str, directory: &Path) {
    let beside = eddy().parent().expect("eddy is in a directory");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(directory);
    shell.env("PATH", format!("{}:{path}", beside.display()));
    // What a node of Rust needs is there already: this project depends on it, too.
    shell.env("CARGO_NET_OFFLINE", "true").env_remove("CARGO_TARGET_DIR");
    // How fast it is does not matter here, how long it is built does.
    shell.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
    // Compilers may keep what they like only in a directory that goes away.
    shell.env("GOCACHE", directory.join("go-cache")).env("GOFLAGS", "-buildvcs=false");
    let output = shell.output().expect("sh starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{line}\n{out}{err}");
}

/// Makes a node in a language, builds it as eddy says, and has its answers examined.
fn a_new_node_is_right(language: &str, tool: &str) {
    if !has(tool) {
        eprintln!("there is no {tool} here: nothing was tried");
        return;
    }
    let directory = TemporaryDirectory::new(&format!("new-{language}"));
    // A name that a shell would take for two words.
    let name = directory.path().join("my node");
    let name = name.to_str().expect("UTF-8");
    let (status, out, err) = run(&["new", name, "--lang", language]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    let commands = || out.lines().filter_map(|line| line.strip_prefix("  "));
    for command in commands().filter(|command| !command.starts_with("eddy test")) {
        follow(command, directory.path());
    }
    let examine = commands().find(|command| command.starts_with("eddy check-node"));
    let examine = examine.expect("eddy says how to examine the node");
    for workload in ["echo", "unique-ids"] {
        follow(&examine.replace("broadcast", workload), directory.path());
    }
    let try_it = commands().find(|command| command.starts_with("eddy test"));
    let short = try_it.expect("eddy says how to run it").replace("-limit 10", "-limit 1");
    follow(&format!("{short} --node-count 3 --recovery-time 1"), directory.path());
}

#[test]
fn a_new_node_in_python_is_right() {
    a_new_node_is_right("python", "python3");
}

#[test]
fn a_new_node_in_go_is_right() {
    a_new_node_is_right("go", "go");
}

#[test]
fn a_new_node_in_rust_is_right() {
    a_new_node_is_right("rust", "cargo");
}

#[test]
fn a_new_node_in_javascript_is_right() {
    a_new_node_is_right("javascript", "node");
}

#[test]
fn a_new_node_in_ruby_is_right() {
    a_new_node_is_right("ruby", "ruby");
}

#[test]
fn a_new_node_in_java_is_right() {
    a_new_node_is_right("java", "javac");
}

#[test]
fn a_new_node_in_shell_is_right() {
    a_new_node_is_right("shell", "sh");
}

#[test]
fn a_new_node_in_shell_that_is_killed_and_starts_again_gives_out_new_ids() {
    let directory = TemporaryDirectory::new("new-killed");
    let name = directory.path().join("node");
    let name = name.to_str().expect("UTF-8");
    assert_eq!(run(&["new", name, "--lang", "shell"]).0, Some(0));
    // In virtual time a program has the same number each time that it starts.
    let (program, store) = (format!("{name}/node.sh"), directory.path().join("store"));
    let flags = "--virtual-time --node-count 3 --time-limit 4 --rate 30 --nemesis kill,pause \
                 --nemesis-interval 1 --seed 1";
    let mut args = vec!["test", "--quiet", "-w", "unique-ids", "--bin", &program];
    args.extend(flags.split(' '));
    args.extend(["--store", store.to_str().expect("UTF-8")]);
    let (status, out, err) = run(&args);
    assert_eq!(status, Some(0), "{out}{err}");
}

#[test]
fn what_is_there_is_not_overwritten() {
    let directory = TemporaryDirectory::new("new-twice");
    let name = directory.path().to_str().expect("UTF-8");
    let (status, out, err) = run(&["new", name, "--lang", "shell"]);
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert!(err.starts_with("eddy: cannot make ") && err.contains(name), "{err}");
    assert_eq!(std::fs::read_dir(name).expect("it is there").count(), 0);
}

/// The commands that `eddy --help` lists.
fn commands() -> Vec<String> {
    let (_, help, _) = run(&["--help"]);
    let list = help.split("Commands:\n").nth(1).expect("a list of commands");
    let names = list.lines().take_while(|line| line.starts_with("  "));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn completions_and_manual_pages_know_every_command_and_the_flags_of_workloads() {
    let (status, bash, _) = run(&["completions", "bash"]);
    assert_eq!(status, Some(0));
    let directory = TemporaryDirectory::new("man");
    let pages = directory.path().join("man1");
    let (status, _, err) = run(&["man", "--dir", pages.to_str().expect("UTF-8")]);
    assert_eq!(status, Some(0), "{err}");
    for command in commands() {
        assert!(bash.contains(&format!("eddy,{command})")), "{command}");
        let page = pages.join(format!("eddy-{command}.1"));
        let written = std::fs::read_to_string(&page).is_ok_and(|text| text.contains(".SH NAME"));
        assert!(written || command == "help", "{}", page.display());
    }
    assert!(bash.contains("--topology"), "a flag of broadcast");
    let (status, page, _) = run(&["man", "test"]);
    assert_eq!(status, Some(0));
    assert!(page.contains("eddy\\-test") && page.contains("\\-\\-topology"), "{page}");
    let (status, _, err) = run(&["man", "tset"]);
    assert_eq!((status, err.contains("no command `tset`")), (Some(2), true));
}
