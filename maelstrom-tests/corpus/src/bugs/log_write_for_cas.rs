//! What is read from a service, changed and written back is written whatever the service has by then.

use crate::bend::WriteForCas;
use crate::{Bug, ours, runs};

pub(super) const BUG: Bug = Bug {
    name: "log-write-for-cas",
    what: "a value is read and written back without comparing",
    source: "Berenson and others (1995), P4; Jepsen, etcd 3.4.3 (2020), where a lock was to protect that",
    make: || ours::kafka_services().behind(WriteForCas),
    ..ours::on_services("kafka", runs::LOGS)
};
