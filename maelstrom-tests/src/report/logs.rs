//! The node logs: the beginning, where a node says what is wrong with its arguments, and the end,
//! where it says why it died.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Serialize;

use super::text;
use crate::store;

/// Bytes of all logs together that a page shows.
const BYTES_MAX: u64 = 3 << 20;
/// Nodes beyond these have their logs in their files only.
const NODES_MAX: usize = 128;
/// A longer line is cut.
const LINE_LENGTH_MAX: usize = 2000;

/// What one node wrote to stderr.
#[derive(Debug, Serialize)]
pub struct Log {
    /// The node.
    pub node: String,
    /// Length of the whole log.
    pub bytes: u64,
    /// Its lines, with one in place of what was left out.
    pub lines: Vec<String>,
}

/// The logs of a run, in the order of their nodes.
pub fn read(run_dir: &Path) -> io::Result<Vec<Log>> {
    let entries = match fs::read_dir(run_dir.join("node-logs")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        // A link may lead anywhere; a log is a file.
        let is_file = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
        if is_file && path.extension().is_some_and(|extension| extension == "log") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            files.push((text::line(&store::logged_node(&name), 60), path));
        }
    }
    files.sort_by(|(a, _), (b, _)| natural(a).cmp(&natural(b)));
    files.truncate(NODES_MAX);
    let share = BYTES_MAX / files.len().max(1) as u64;
    files
        .into_iter()
        .map(|(node, path)| {
            let mut file = File::open(path)?;
            let bytes = file.metadata()?.len();
            Ok(Log { node, bytes, lines: lines(&mut file, bytes, share)? })
        })
        .collect()
}

/// Sorts `n2` before `n10`.
pub(crate) fn natural(name: &str) -> (&str, u64, &str) {
    let letters = name.trim_end_matches(|character: char| character.is_ascii_digit());
    (letters, name[letters.len()..].parse().unwrap_or(0), name)
}

fn lines(file: &mut (impl Read + Seek), bytes: u64, share: u64) -> io::Result<Vec<String>> {
    if bytes <= share {
        return Ok(split(&read_part(file, 0, bytes)?));
    }
    let (head, tail) = (share / 4, share - share / 4);
    let mut lines = split(&read_part(file, 0, head)?);
    let left_out = text::grouped(bytes - share);
    lines.push(format!("… {left_out} bytes are left out here; the file has them …"));
    lines.extend(split(&read_part(file, bytes - tail, tail)?));
    Ok(lines)
}

fn read_part(file: &mut (impl Read + Seek), start: u64, length: u64) -> io::Result<String> {
    let mut part = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(length).read_to_end(&mut part)?;
    Ok(String::from_utf8_lossy(&part).into_owned())
}

fn split(part: &str) -> Vec<String> {
    part.lines().map(|line| text::line(line, LINE_LENGTH_MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_come_in_the_order_of_nodes_and_show_what_is_in_them() {
        let directory = tempfile::tempdir().unwrap();
        let logs = directory.path().join("node-logs");
        assert!(read(directory.path()).unwrap().is_empty());
        fs::create_dir(&logs).unwrap();
        fs::write(logs.join("n10.log"), "").unwrap();
        fs::write(logs.join("n2.log"), b"<script>\n\xff\x1b[1m").unwrap();
        fs::write(logs.join("other.txt"), "").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc/passwd", logs.join("n3.log")).unwrap();
        let logs = read(directory.path()).unwrap();
        let nodes: Vec<_> = logs.iter().map(|log| log.node.as_str()).collect();
        assert_eq!(nodes, ["n2", "n10"]);
        assert_eq!(logs[0].lines, ["<script>", "\u{fffd}␛[1m"]);
    }

    #[test]
    fn of_a_long_log_both_ends_are_shown() {
        let text: String = (0..1000).map(|number| format!("line {number}\n")).collect();
        let lines = lines(&mut io::Cursor::new(&text), text.len() as u64, 400).unwrap();
        assert_eq!(lines[0], "line 0");
        assert_eq!(lines.last().unwrap(), "line 999");
        assert!(
            lines.iter().any(|line| line.starts_with("… 8,490 bytes are left out")),
            "{lines:?}"
        );
    }
}
