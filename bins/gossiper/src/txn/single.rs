//! `gossiper txn-single`: transactions on one node, one after the other.

use std::collections::BTreeMap;

use proto::txn::Micro;
use proto::{
    Arguments, Caller, Context, Error, ErrorCode, Json, Manual, Node, Records, UsageError,
};

use super::{Body, Function};
use crate::records::damaged;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "txn-single",
    summary: "transactions on registers, on one node",
    usage: "",
    help: "\
It serves Maelstrom's workload txn-rw-register and challenge 6a of Gossip Glomers, in a cluster of one
node; in a larger one it refuses every transaction. Transactions are strict serializable.

  --state-dir DIR         keep the registers in DIR/<node id>/, stored before a client hears of it, so
                          that a node that is killed and started again still has them
",
};

/// The node.
#[derive(Debug, Default)]
pub struct SingleNode {
    registers: BTreeMap<Json, Json>,
    refusal: Option<Error>,
}

impl SingleNode {
    /// A node of these arguments.
    ///
    /// # Errors
    /// If they are wrong.
    pub fn from_arguments(arguments: &mut Arguments) -> Result<Self, UsageError> {
        match arguments.next_flag()? {
            Some(flag) => Err(arguments.unknown(&flag)),
            None => Ok(Self::default()),
        }
    }

    /// Takes up what an earlier life kept: a record a register, both as JSON.
    fn restore(&mut self, records: &Records) -> Result<(), Error> {
        for (key, record) in records {
            let json = |text: &[u8]| Json::parse(std::str::from_utf8(text).ok()?).ok();
            let register = json(key).zip(json(record));
            let (key, value) = register.ok_or_else(|| damaged(&key.escape_ascii().to_string()))?;
            self.registers.insert(key, value);
        }
        Ok(())
    }

    /// Runs a transaction: fills in what it reads, and keeps what it writes.
    fn run(&mut self, txn: &mut [Micro<Function>], ctx: &mut Context<'_, Self>) {
        for Micro(function, key, content) in txn {
            match function {
                Function::Read => {
                    *content = self.registers.get(key).cloned().unwrap_or_else(Json::null);
                }
                Function::Write => {
                    // 1 and 1.0 are one register, and so one record.
                    let known = self.registers.get_key_value(key).map_or(&*key, |(key, _)| key);
                    ctx.put(known.text().as_bytes(), content.text().as_bytes());
                    self.registers.insert(key.clone(), content.clone());
                }
            }
        }
    }
}

impl Node for SingleNode {
    type Body = Body;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        self.refusal = if ctx.node_ids().len() > 1 {
            Some(Error::new(ErrorCode::NotSupported, "txn-single is for clusters of one node"))
        } else {
            self.restore(&restored).err()
        };
        if let Some(error) = &self.refusal {
            ctx.log(format!("nothing can be answered: {}", error.text));
        }
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        // `txn_ok` never comes as a request.
        let Body::Txn { mut txn } = body else { return };
        if let Some(error) = &self.refusal {
            ctx.reply_error(&from, error.clone());
            return;
        }
        self.run(&mut txn, ctx);
        ctx.reply(&from, Body::TxnOk { txn });
    }
}
