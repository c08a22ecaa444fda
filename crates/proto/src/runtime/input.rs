//! Stdin, read in large pieces, cut into lines and parsed.

use std::io::{self, Read};

use crossbeam_channel::Sender;

use super::{BATCH_BYTES, Batch, complain};
use crate::decode::decode;
use crate::message::Body;

/// Reads to the end of input, sending on all messages of a read as one batch.
pub(super) fn read_lines<B: Body>(mut input: impl Read, batches: &Sender<Batch<B>>) {
    let mut buffer = vec![0; BATCH_BYTES];
    let mut filled = 0;
    let mut line_number = 0;
    let mut batch_length = 0;
    loop {
        let count = match input.read(&mut buffer[filled..]) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                complain(&format!("cannot read stdin: {error}"));
                0
            }
        };
        let mut batch = Vec::with_capacity(batch_length);
        if count == 0 {
            // The end: a last line may lack its newline.
            if filled > 0 {
                read_line(&buffer[..filled], &mut line_number, &mut batch);
            }
            let _ = batches.send(batch);
            return;
        }
        let end = filled + count;
        let Some(last) = buffer[filled..end].iter().rposition(|byte| *byte == b'\n') else {
            filled = end;
            if filled == buffer.len() {
                buffer.resize(2 * filled, 0);
            }
            continue;
        };
        let complete = filled + last;
        read_complete_lines(&buffer[..complete], &mut line_number, &mut batch);
        buffer.copy_within(complete + 1..end, 0);
        filled = end - complete - 1;
        if buffer.len() > BATCH_BYTES && filled < BATCH_BYTES {
            buffer.truncate(BATCH_BYTES);
            buffer.shrink_to_fit();
        }
        batch_length = batch.len();
        if batch_length > 0 && batches.send(batch).is_err() {
            return;
        }
    }
}

/// Reads whole lines, the last one without its newline.
fn read_complete_lines<B: Body>(bytes: &[u8], line_number: &mut u64, batch: &mut Batch<B>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            for line in text.split('\n') {
                read_text(line, line_number, batch);
            }
        }
        Err(_) => {
            for line in bytes.split(|byte| *byte == b'\n') {
                read_line(line, line_number, batch);
            }
        }
    }
}

fn read_line<B: Body>(line: &[u8], line_number: &mut u64, batch: &mut Batch<B>) {
    match std::str::from_utf8(line) {
        Ok(text) => read_text(text, line_number, batch),
        Err(error) => {
            *line_number += 1;
            complain(&format!("line {line_number}: not UTF-8: {error}"));
        }
    }
}

fn read_text<B: Body>(line: &str, line_number: &mut u64, batch: &mut Batch<B>) {
    *line_number += 1;
    match decode(line) {
        Ok(message) => batch.push(message),
        Err(error) => complain(&format!("line {line_number}: {error}")),
    }
}
