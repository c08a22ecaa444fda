//! The reference: read, parse, answer, write, all on one thread. Messages are parsed by serde into
//! borrowed fields; answers gather in a buffer of 64 KiB that is written when it is full or when
//! the input read so far is used up. It checks nothing and knows nothing but these messages, so
//! it shows about what one thread can do.

use std::io::{Read, Write};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

const BUFFER_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct Request<'a> {
    src: &'a str,
    #[serde(borrow)]
    body: RequestBody<'a>,
}

#[derive(Deserialize)]
struct RequestBody<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    msg_id: u64,
    #[serde(borrow)]
    echo: Option<&'a RawValue>,
    node_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Reply<'a> {
    src: &'a str,
    dest: &'a str,
    body: ReplyBody<'a>,
}

#[derive(Serialize)]
struct ReplyBody<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    echo: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    in_reply_to: u64,
    msg_id: u64,
}

pub(crate) fn run() -> ExitCode {
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut input = vec![0; BUFFER_BYTES];
    let mut output = Vec::with_capacity(2 * BUFFER_BYTES);
    let (mut filled, mut node_id, mut next_id, mut id) = (0, String::new(), 0, String::new());
    loop {
        let length = stdin.read(&mut input[filled..]).unwrap();
        if length == 0 {
            return ExitCode::SUCCESS;
        }
        let end = filled + length;
        let mut start = 0;
        while let Some(length) = memchr(&input[start..end]) {
            let line = &input[start..start + length];
            start += length + 1;
            let Request { src, body } = serde_json::from_slice(line).unwrap();
            let kind = match body.kind {
                "init" => {
                    body.node_id.unwrap().clone_into(&mut node_id);
                    "init_ok"
                }
                "echo" => "echo_ok",
                "generate" => {
                    id.clear();
                    std::fmt::Write::write_fmt(&mut id, format_args!("{node_id}-{}", next_id - 1))
                        .unwrap();
                    "generate_ok"
                }
                other => panic!("unknown type {other}"),
            };
            let id = (kind == "generate_ok").then_some(&*id);
            let body =
                ReplyBody { kind, echo: body.echo, id, in_reply_to: body.msg_id, msg_id: next_id };
            next_id += 1;
            serde_json::to_writer(&mut output, &Reply { src: &node_id, dest: src, body }).unwrap();
            output.push(b'\n');
            if output.len() >= BUFFER_BYTES {
                stdout.write_all(&output).unwrap();
                output.clear();
            }
        }
        stdout.write_all(&output).unwrap();
        stdout.flush().unwrap();
        output.clear();
        input.copy_within(start..end, 0);
        filled = end - start;
    }
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}
