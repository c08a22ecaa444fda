//! A workload is one file: nothing outside `crates/bench/src/workload/` names one. Otherwise a new one
//! would have to be told to the report, the terminal, the checkers and whoever else knows the others.

use std::fs;
use std::path::{Path, PathBuf};

use eddy::workload::registry;

/// What must not name a workload.
const SOURCES: [&str; 10] = [
    "crates/bench/src",
    "crates/checkers/src",
    "crates/simulator/src",
    "maelstrom-tests/src/check",
    "maelstrom-tests/src/compare.rs",
    "maelstrom-tests/src/report",
    "maelstrom-tests/src/serve",
    "maelstrom-tests/src/sweep",
    "maelstrom-tests/src/terminal",
    "maelstrom-tests/templates",
];

/// What may: file, name, and why.
const ALLOWED: [(&str, &str, &str); 7] = [
    ("crates/checkers/src/echo.rs", "echo", "the name of the function in histories"),
    ("crates/simulator/src/service/mod.rs", "lin-kv", "Maelstrom's service of that name"),
    ("maelstrom-tests/src/check/mod.rs", "lin-kv", "examples of help"),
    ("maelstrom-tests/src/compare.rs", "broadcast", "examples of help"),
    ("maelstrom-tests/src/compare.rs", "lin-kv", "examples of help"),
    ("maelstrom-tests/src/report/command.rs", "lin-kv", "examples of help"),
    ("maelstrom-tests/src/sweep/mod.rs", "broadcast", "examples of help"),
];

fn files(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_file() {
        found.push(path.to_owned());
        return;
    }
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for entry in entries {
        files(&entry.expect("an entry").path(), found);
    }
}

/// The texts between quotation marks in a program, without those of its comments and tests.
fn quoted(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let source = lines.collect::<Vec<_>>().join("\n");
    // Escaped marks and marks as characters would begin or end a text.
    let source = source.replace("\\\"", "").replace("'\"'", "");
    source.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A file of tests, or one of the directory that such a file has beside it.
fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/")
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}

#[test]
fn only_its_own_file_names_a_workload() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // Other tests of this process register workloads of their own.
    let names: Vec<_> = registry::all().into_iter().map(|kind| kind.name).collect();
    assert!(names.len() >= 10, "{names:?}");
    let mut named = Vec::new();
    let mut used = Vec::new();
    for source in SOURCES {
        let mut found = Vec::new();
        files(&root.join(source), &mut found);
        for file in found {
            let path = file.strip_prefix(&root).expect("below the root").display().to_string();
            if path.starts_with("crates/bench/src/workload/") || is_test(&path) {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap_or_default();
            let texts = if path.ends_with(".rs") { quoted(&text) } else { vec![text] };
            for &name in &names {
                if !texts.iter().any(|text| has_word(text, name)) {
                    continue;
                }
                match ALLOWED.iter().find(|(file, of, _)| (*file, *of) == (&*path, name)) {
                    Some(allowed) => used.push(allowed),
                    None => named.push(format!("{path}: {name}")),
                }
            }
        }
    }
    assert_eq!(named, [""; 0]);
    let idle: Vec<_> = ALLOWED.iter().filter(|allowed| !used.contains(allowed)).collect();
    assert!(idle.is_empty(), "allowed and not needed: {idle:?}");
}

#[test]
fn texts_of_comments_and_tests_do_not_count() {
    let source = "// \"a\"\nlet x = \"b \\\" c\"; let y = '\"'; \"d\"\n#[cfg(test)]\n\"e\"";
    assert_eq!(quoted(source), ["b  c", "d"]);
    assert!(has_word("eddy test -w kafka --x", "kafka") && has_word("g-set/1", "g-set"));
    assert!(!has_word("kafka_single", "kafka") && !has_word("g-set", "set"));
    assert!(is_test("src/check/tests.rs") && is_test("src/check/tests/foreign.rs"));
    assert!(!is_test("src/check/mod.rs") && !is_test("maelstrom-tests/src/check/edn.rs"));
}
