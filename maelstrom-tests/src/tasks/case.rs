//! The files of sample cases, `maelstrom-tests/tasks/<id>.json`: see `tasks/README.md`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::Json;
use serde::Deserialize;

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
    #[expect(dead_code, reason = "for people who read the file")]
    decisions: Vec<String>,
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
    /// There is no directory of tasks.
    #[error("there is no directory maelstrom-tests/tasks here or above; name it with --tasks DIR")]
    NoDirectory,
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

/// Reads all tasks of a directory, in the order of their ids.
///
/// # Errors
/// If something cannot be read or is no task.
pub(super) fn read(directory: &Path) -> Result<Vec<Task>, TasksError> {
    let unreadable = |error| TasksError::Unreadable(directory.to_owned(), error);
    let mut tasks = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = fs::read_to_string(&path)
            .map_err(|error| TasksError::Unreadable(path.clone(), error))?;
        let task: Task =
            serde_json::from_str(&text).map_err(|error| TasksError::Malformed(path, error))?;
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

/// `maelstrom-tests/tasks`, seen from one of these places or from a directory above it.
pub(super) fn find_directory(places: &[PathBuf]) -> Option<PathBuf> {
    places
        .iter()
        .flat_map(|place| place.ancestors())
        .map(|above| above.join("maelstrom-tests").join("tasks"))
        .find(|directory| directory.is_dir())
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
