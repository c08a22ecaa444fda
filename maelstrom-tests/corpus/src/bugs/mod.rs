//! The bugs, one a file.

mod abd_last_to_arrive;
mod abd_no_write_back;
mod abd_not_stored;
mod abd_read_one;
mod abd_wall_clock;
mod abd_write_one;
mod counter_last_heard;
mod counter_name_again;
mod counter_not_stored;
mod counter_write_for_cas;
mod gossip_compares_counts;
mod gossip_fire_and_forget;
mod gossip_hub_forgets;
mod gossip_known_when_sent;
mod gossip_not_stored;
mod gossip_retry_in_memory;
mod ids_clock_backward;
mod ids_machines_collide;
mod ids_restart;
mod ids_sequence_wraps;
mod ids_short_random;
mod log_commit_falls;
mod log_lazy_sync;
mod log_refuses_unanswered;
mod log_retries;
mod log_write_for_cas;
mod members_at_once;
mod members_learners_count;
mod members_no_way_back;
mod members_single_server;
mod members_snapshot_lacks_them;
mod paxos_accepted_not_stored;
mod paxos_any_accepted;
mod paxos_promise_forgotten;
mod paxos_promise_hides;
mod pbft_prepared_not_stored;
mod raft_answer_of_any_term;
mod raft_any_log;
mod raft_applied_twice;
mod raft_commit_falls;
mod raft_commits_beyond_match;
mod raft_erases_what_agrees;
mod raft_follower_reads;
mod raft_forgotten_ballot;
mod raft_half_is_enough;
mod raft_longest_log;
mod raft_match_falls;
mod raft_older_terms;
mod raft_previous_not_compared;
mod raft_refuses_what_waited;
mod raft_sent_is_matched;
mod raft_stale_reads;
mod raft_truncation_not_stored;
mod raft_two_votes;
mod raft_vote_dropped_in_term;
mod raft_vote_of_any_term;
mod raft_vote_twice_counted;
mod store_lazy_sync;
mod store_records_last;
mod store_snapshot_not_stored;
mod store_snapshot_sessions;
mod txn_aborted_read;
mod txn_half_visible;
mod txn_lost_update;
mod txn_stale_reads;
mod txn_write_skew;

use crate::Bug;

/// All of them, those of a kind together.
pub const ALL: &[Bug] = &[
    raft_answer_of_any_term::BUG,
    raft_any_log::BUG,
    raft_applied_twice::BUG,
    raft_commit_falls::BUG,
    raft_commits_beyond_match::BUG,
    raft_erases_what_agrees::BUG,
    raft_follower_reads::BUG,
    raft_forgotten_ballot::BUG,
    raft_half_is_enough::BUG,
    raft_longest_log::BUG,
    raft_match_falls::BUG,
    raft_older_terms::BUG,
    raft_previous_not_compared::BUG,
    raft_refuses_what_waited::BUG,
    raft_sent_is_matched::BUG,
    raft_stale_reads::BUG,
    raft_truncation_not_stored::BUG,
    raft_two_votes::BUG,
    raft_vote_dropped_in_term::BUG,
    raft_vote_of_any_term::BUG,
    raft_vote_twice_counted::BUG,
    paxos_accepted_not_stored::BUG,
    paxos_any_accepted::BUG,
    paxos_promise_forgotten::BUG,
    paxos_promise_hides::BUG,
    pbft_prepared_not_stored::BUG,
    store_lazy_sync::BUG,
    store_records_last::BUG,
    store_snapshot_not_stored::BUG,
    store_snapshot_sessions::BUG,
    members_at_once::BUG,
    members_learners_count::BUG,
    members_no_way_back::BUG,
    members_single_server::BUG,
    members_snapshot_lacks_them::BUG,
    abd_last_to_arrive::BUG,
    abd_no_write_back::BUG,
    abd_not_stored::BUG,
    abd_read_one::BUG,
    abd_wall_clock::BUG,
    abd_write_one::BUG,
    ids_clock_backward::BUG,
    ids_machines_collide::BUG,
    ids_restart::BUG,
    ids_sequence_wraps::BUG,
    ids_short_random::BUG,
    gossip_compares_counts::BUG,
    gossip_fire_and_forget::BUG,
    gossip_hub_forgets::BUG,
    gossip_known_when_sent::BUG,
    gossip_not_stored::BUG,
    gossip_retry_in_memory::BUG,
    counter_last_heard::BUG,
    counter_name_again::BUG,
    counter_not_stored::BUG,
    counter_write_for_cas::BUG,
    log_commit_falls::BUG,
    log_lazy_sync::BUG,
    log_refuses_unanswered::BUG,
    log_retries::BUG,
    log_write_for_cas::BUG,
    txn_aborted_read::BUG,
    txn_half_visible::BUG,
    txn_lost_update::BUG,
    txn_stale_reads::BUG,
    txn_write_skew::BUG,
];
