//! What is committed, in the store: a key of its own for each log.

use std::collections::BTreeMap;

use proto::service::{CompareAndSet, ServiceReply};
use proto::{Caller, Context, Error, ErrorCode, Json, Outcome};

use super::super::{Body, Offset};
use super::{SERVICE, ServicesNode, Token, silence};

/// A request about commits that waits for the service.
#[derive(Debug)]
pub(super) struct Job {
    client: Caller,
    /// What to commit; nothing if it only asks.
    commits: Option<BTreeMap<String, Offset>>,
    found: BTreeMap<String, Offset>,
    open: usize,
    error: Option<Error>,
}

impl ServicesNode {
    /// Begins a request about commits, which reads what is committed of each key.
    pub(super) fn begin(
        &mut self,
        client: Caller,
        keys: Vec<String>,
        commits: Option<BTreeMap<String, Offset>>,
        ctx: &mut Context<'_, Self>,
    ) {
        let number = self.number();
        let (found, open, error) = (BTreeMap::new(), keys.len(), None);
        self.jobs.insert(number, Job { client, commits, found, open, error });
        for key in keys {
            self.read_committed(number, key, ctx);
        }
        self.answer_job(number, ctx);
    }

    fn read_committed(&mut self, job: u64, key: String, ctx: &mut Context<'_, Self>) {
        let token = Token::Committed { job, key: key.clone() };
        self.store.read(ctx, committed(&key), SERVICE, token);
    }

    pub(super) fn found_committed(
        &mut self,
        number: u64,
        key: String,
        outcome: Outcome<ServiceReply>,
        ctx: &mut Context<'_, Self>,
    ) {
        let Some(job) = self.jobs.get_mut(&number) else { return };
        let before = match outcome {
            Outcome::Reply(ServiceReply::ReadOk { value }) => Ok(Some(value)),
            Outcome::Error(error) if error.code == ErrorCode::KeyDoesNotExist => Ok(None),
            Outcome::Error(error) => Err(error),
            Outcome::Reply(_) | Outcome::Timeout => Err(silence()),
        };
        match before {
            Ok(before) => {
                let offset = before.as_ref().and_then(Json::as_i64);
                let offset = offset.and_then(|offset| Offset::try_from(offset).ok());
                let wanted = job.commits.as_ref().and_then(|commits| commits.get(&key)).copied();
                // A commit never takes back a later one.
                if let Some(wanted) = wanted.filter(|wanted| offset < Some(*wanted)) {
                    let swap = CompareAndSet {
                        key: committed(&key),
                        from: before.unwrap_or_else(Json::null),
                        to: Json::from(&serde_json::Value::from(wanted)),
                        create_if_not_exists: true,
                    };
                    let token = Token::Swap { job: number, key };
                    return self.store.compare_and_set(ctx, swap, SERVICE, token);
                }
                job.found.extend(offset.map(|offset| (key, offset)));
            }
            Err(error) => job.error = Some(error),
        }
        job.open -= 1;
        self.answer_job(number, ctx);
    }

    pub(super) fn swapped(
        &mut self,
        number: u64,
        key: String,
        outcome: Outcome<ServiceReply>,
        ctx: &mut Context<'_, Self>,
    ) {
        let Some(job) = self.jobs.get_mut(&number) else { return };
        match outcome {
            Outcome::Reply(_) => {}
            Outcome::Error(error) if error.code == ErrorCode::PreconditionFailed => {
                return self.read_committed(number, key, ctx);
            }
            Outcome::Error(error) => job.error = Some(error),
            Outcome::Timeout => job.error = Some(silence()),
        }
        job.open -= 1;
        self.answer_job(number, ctx);
    }

    fn answer_job(&mut self, number: u64, ctx: &mut Context<'_, Self>) {
        if self.jobs.get(&number).is_none_or(|job| job.open > 0) {
            return;
        }
        match self.jobs.remove(&number) {
            Some(Job { client, error: Some(error), .. }) => ctx.reply_error(&client, error),
            Some(Job { client, commits: Some(_), .. }) => ctx.reply(&client, Body::CommitOffsetsOk),
            Some(Job { client, found, .. }) => {
                ctx.reply(&client, Body::ListCommittedOffsetsOk { offsets: found });
            }
            None => {}
        }
    }
}

/// The store's key for what is committed.
fn committed(key: &str) -> Json {
    Json::from(&*format!("committed/{key}"))
}
