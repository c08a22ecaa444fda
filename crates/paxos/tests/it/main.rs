//! Paxos under seeded schedules, right and wrong.

mod log_schedule;
mod replica;
mod synod_schedule;
