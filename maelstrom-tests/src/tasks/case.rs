//! The files of sample cases, `maelstrom-tests/tasks/<id>.json`: see `tasks/README.md`. They are part
//! of the binary, so that cases can be run from any directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use include_dir::{Dir, include_dir};
use proto::Json;
use serde::Deserialize;

/// The cases as they were when this was built.
static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/tasks");

/// A task with its cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Task {
    /// Its id, such as `2-3`.
    #[serde(rename = "task")]
    pub(super) id: String,
    /// What it is called.
    pub(super) title: String,
    /// The binary that solves it.
    pub(super) bin: String,
    /// What its specification leaves open, and what was decided.
    #[serde(default)]
    pub(super) decisions: Vec<String>,
    /// With these arguments.
    #[serde(default)]
    pub(super) args: Vec<String>,
    /// Seconds that a case may take.
    #[serde(default = "default_timeout")]
    timeout: f64,
    /// The cases.
    pub(super) cases: Vec<Case>,
}

/// Lines for one fresh node and lines that have to come back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What it is called.
    pub(super) name: String,
    /// The lines in: messages, or strings that are sent as they are.
    input: Vec<Json>,
    /// Messages that have to come back in this order; others may come between them.
    pub(super) expected: Vec<Json>,
}

fn default_timeout() -> f64 {
    5.0
}

impl Task {
    /// How long one case may take.
    pub(super) fn time_limit(&self) -> Duration {
        Duration::try_from_secs_f64(self.timeout).unwrap_or(Duration::MAX)
    }
}

impl Case {
    /// The lines in, as they are written.
    pub(super) fn input_lines(&self) -> impl Iterator<Item = String> {
        self.input.iter().map(|line| {
            let text = line.text();
            // JSON has no raw newline inside strings, so this joins a message that is laid out
            // over several lines and changes nothing else.
            serde_json::from_str(&text).unwrap_or_else(|_| text.replace(['\n', '\r'], " "))
        })
    }
}

/// Files that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum TasksError {
    /// A file or directory cannot be read.
    #[error("cannot read {0}: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// A file is not what it should be.
    #[error("{0}: {1}")]
    Malformed(PathBuf, serde_json::Error),
    /// There is no such task.
    #[error("there is no task `{id}`; there are: {known}")]
    Unknown {
        /// What was asked for.
        id: String,
        /// What there is.
        known: String,
    },
}

/// All tasks that are part of this binary, in the order of their ids.
///
/// # Errors
/// If a file is no task.
pub(super) fn embedded() -> Result<Vec<Task>, TasksError> {
    parse(EMBEDDED.files().map(|file| Ok((file.path().to_owned(), file.contents().to_vec()))))
}

/// All tasks of a directory, in the order of their ids.
///
/// # Errors
/// If something cannot be read or is no task.
pub(super) fn read(directory: &Path) -> Result<Vec<Task>, TasksError> {
    let unreadable = |error| TasksError::Unreadable(directory.to_owned(), error);
    let paths = fs::read_dir(directory)
        .map_err(unreadable)?
        .map(|entry| entry.map(|entry| entry.path()).map_err(unreadable));
    let is_file = |path: &Result<PathBuf, _>| path.as_ref().map_or(true, |path| path.is_file());
    parse(paths.filter(is_file).map(|path| {
        let path = path?;
        match fs::read(&path) {
            Ok(bytes) => Ok((path, bytes)),
            Err(error) => Err(TasksError::Unreadable(path, error)),
        }
    }))
}

/// The tasks among some files: those whose names end in `.json`.
fn parse(
    files: impl Iterator<Item = Result<(PathBuf, Vec<u8>), TasksError>>,
) -> Result<Vec<Task>, TasksError> {
    let mut tasks = Vec::new();
    for file in files {
        let (path, bytes) = file?;
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let task: Task =
            serde_json::from_slice(&bytes).map_err(|error| TasksError::Malformed(path, error))?;
        tasks.push(task);
    }
    tasks.sort_by_key(|task| order(&task.id));
    Ok(tasks)
}

/// The tasks with these ids, in the order asked for; all of them if none are named.
///
/// # Errors
/// If there is no such task.
pub(super) fn select<'a>(tasks: &'a [Task], ids: &[String]) -> Result<Vec<&'a Task>, TasksError> {
    if ids.is_empty() {
        return Ok(tasks.iter().collect());
    }
    let find = |id: &String| {
        tasks.iter().find(|task| task.id == *id).ok_or_else(|| TasksError::Unknown {
            id: id.clone(),
            known: tasks.iter().map(|task| task.id.as_str()).collect::<Vec<_>>().join(", "),
        })
    };
    ids.iter().map(find).collect()
}

/// Ids sort by their numbers: `2-2-1` after `2-2`, `2-10` after `2-9`.
fn order(id: &str) -> Vec<(u64, String)> {
    id.split('-')
        .map(|part| {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            (part[..digits].parse().unwrap_or(u64::MAX), part[digits..].to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: &str) -> Task {
        let text = format!(
            r#"{{"task": "{id}", "title": "T", "bin": "b", "cases": [
                {{"name": "n", "input": ["raw \"line\"", {{"a":
                    1.50}}], "expected": []}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn lines_are_sent_as_they_are_written() {
        let lines: Vec<_> = task("1").cases[0].input_lines().collect();
        assert_eq!(lines[0], r#"raw "line""#);
        assert!(lines[1].contains("1.50") && !lines[1].contains('\n'), "{}", lines[1]);
    }

    #[test]
    fn every_embedded_file_is_the_task_that_its_name_says() {
        let tasks = embedded().unwrap();
        let names: Vec<_> = EMBEDDED.files().filter_map(|file| file.path().file_name()).collect();
        assert!(tasks.len() >= 14);
        for task in &tasks {
            assert!(names.contains(&format!("{}.json", task.id).as_ref()), "{}", task.id);
            assert!(task.cases.len() >= 2, "{} has fewer than two cases", task.id);
        }
        assert!(tasks.is_sorted_by_key(|task| order(&task.id)));
    }

    #[test]
    fn ids_are_in_the_order_of_their_numbers() {
        let mut ids = ["2-10", "3c", "2-2-1", "10-1", "2-9", "2-2", "3-1"];
        ids.sort_by_key(|id| order(id));
        assert_eq!(ids, ["2-2", "2-2-1", "2-9", "2-10", "3-1", "3c", "10-1"]);
    }

    #[test]
    fn a_task_that_is_not_there_is_named_with_those_that_are() {
        let tasks = [task("2-1"), task("2-3")];
        let selected = select(&tasks, &["2-3".to_owned()]).unwrap();
        assert_eq!(selected[0].id, "2-3");
        let error = select(&tasks, &["9".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "there is no task `9`; there are: 2-1, 2-3");
    }
}
