//! `gossiper kafka-single`: logs on one node.

use std::collections::BTreeMap;

use proto::{
    Arguments, Caller, Context, Error, ErrorCode, Json, Manual, Node, Records, UsageError,
};

use super::{Body, Offset, POLL_MAX};
use crate::records::damaged;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "kafka-single",
    summary: "logs of messages on one node",
    usage: "",
    help: "\
It serves Maelstrom's `kafka` workload (`send`, `poll`, `commit_offsets`, `list_committed_offsets`).
A cluster has one node; in a larger one it refuses every request.

  --state-dir DIR         keep logs and commits in DIR/<node id>/, stored before a client hears of
                          them, so that a node that is killed and started again still has them
",
};

/// The record of a message is this, the length of its key, the key and the offset.
const MESSAGE: u8 = b'm';
/// The record of a commit is this and the key.
const COMMIT: u8 = b'c';

/// The node.
#[derive(Debug, Default)]
pub struct SingleNode {
    logs: BTreeMap<String, Vec<Json>>,
    committed: BTreeMap<String, Offset>,
    refusal: Option<Error>,
}

impl SingleNode {
    /// A node of these arguments.
    ///
    /// # Errors
    /// If they are wrong.
    pub fn from_arguments(arguments: &mut Arguments) -> Result<Self, UsageError> {
        match arguments.next_flag()? {
            None => Ok(Self::default()),
            Some(flag) => Err(arguments.unknown(&flag)),
        }
    }

    fn restore(&mut self, records: &Records) -> Result<(), Error> {
        for (key, record) in records {
            let name = || key.escape_ascii().to_string();
            self.restore_record(key, record).ok_or_else(|| damaged(&name()))?;
        }
        Ok(())
    }

    /// Takes up one record. Those of a log come in the order of offsets, without gaps.
    fn restore_record(&mut self, key: &[u8], record: &[u8]) -> Option<()> {
        let (kind, rest) = key.split_first()?;
        if *kind == COMMIT {
            let offset = Offset::from_be_bytes(record.try_into().ok()?);
            self.committed.insert(String::from_utf8(rest.to_vec()).ok()?, offset);
            return Some(());
        }
        let (length, rest) = rest.split_first_chunk()?;
        let (name, offset) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let offset = Offset::from_be_bytes(offset.try_into().ok()?);
        let log = self.logs.entry(String::from_utf8(name.to_vec()).ok()?).or_default();
        if *kind != MESSAGE || offset != log.len() as Offset {
            return None;
        }
        log.push(Json::parse(std::str::from_utf8(record).ok()?).ok()?);
        Some(())
    }

    fn answer(&mut self, body: Body, ctx: &mut Context<'_, Self>) -> Result<Body, Error> {
        match body {
            Body::Send { key, msg } => {
                let log = self.logs.entry(key.clone()).or_default();
                let offset = log.len() as Offset;
                if ctx.is_durable() {
                    ctx.put(message_key(&key, offset), msg.text().into_owned().into_bytes());
                }
                log.push(msg);
                Ok(Body::SendOk { offset })
            }
            Body::Poll { offsets } => {
                let msgs = offsets.into_iter().map(|(key, from)| {
                    let log = self.logs.get(&key).map_or(&[][..], |log| log);
                    let after = (0..).zip(log).skip(usize::try_from(from).unwrap_or(usize::MAX));
                    let after = after.map(|(offset, msg)| (offset, msg.clone()));
                    (key, after.take(POLL_MAX).collect())
                });
                Ok(Body::PollOk { msgs: msgs.collect() })
            }
            Body::CommitOffsets { offsets } => {
                for (key, offset) in offsets {
                    if self.committed.get(&key).is_none_or(|before| *before < offset) {
                        ctx.put(
                            [&[COMMIT], key.as_bytes()].concat(),
                            offset.to_be_bytes().to_vec(),
                        );
                        self.committed.insert(key, offset);
                    }
                }
                Ok(Body::CommitOffsetsOk)
            }
            Body::ListCommittedOffsets { keys } => {
                let committed = |key: String| {
                    let offset = *self.committed.get(&key)?;
                    Some((key, offset))
                };
                let offsets = keys.into_iter().filter_map(committed).collect();
                Ok(Body::ListCommittedOffsetsOk { offsets })
            }
            _ => Err(Error::malformed_request("a reply is no request")),
        }
    }
}

fn message_key(key: &str, offset: Offset) -> Vec<u8> {
    let length = (key.len() as u32).to_be_bytes();
    [&[MESSAGE], &length[..], key.as_bytes(), &offset.to_be_bytes()].concat()
}

impl Node for SingleNode {
    type Body = Body;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        self.refusal = if ctx.node_ids().len() > 1 {
            Some(Error::new(ErrorCode::NotSupported, "kafka-single is for clusters of one node"))
        } else {
            self.restore(&restored).err()
        };
        if let Some(error) = &self.refusal {
            ctx.log(format!("nothing can be answered: {}", error.text));
        }
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if let Some(error) = &self.refusal {
            return ctx.reply_error(&from, error.clone());
        }
        match self.answer(body, ctx) {
            Ok(answer) => ctx.reply(&from, answer),
            Err(error) => ctx.reply_error(&from, error),
        }
    }
}
