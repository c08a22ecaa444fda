//! The phases of a run: what happens in which order, and how long it goes on.

use std::time::Duration;

use proto::Time;

use super::Harness;
use crate::compat::Compat;
use crate::nemesis::Nemesis;
use crate::options::{Numbers, Options};
use crate::workload::Workload;

/// An operation that starts this late is still held to belong to the schedule; after a longer
/// stall the schedule goes on from where it is, without catching up.
const LATENESS_MAX: Duration = Duration::from_millis(10);
/// How long restarted nodes are asked at the end before they count as not examined.
const EXAMINATION_TIME: Duration = Duration::from_secs(10);
/// How long after a refusal a node is asked again that is to complete an operation.
const EXAMINATION_GAP: Duration = Duration::from_millis(100);

impl<W: Workload> Harness<'_, W> {
    pub(super) fn run_main_phase(&mut self) {
        self.progress.phase("running");
        self.origin = self.world.now();
        self.nemesis = Nemesis::new(self.options, self.origin);
        let Options { max_operations, omit_operations, .. } = self.options;
        let end = self.origin + self.options.time_limit;
        self.reseeds = self.options.reseeds.iter().collect();
        self.generate(end, *max_operations, omit_operations, Time::MAX);
        self.reseeds.clear();
        self.drain();
    }

    pub(super) fn run_last_phases(&mut self) {
        let settles = !self.options.settle.is_zero();
        let has_final_phase = self.workload.has_final_phase();
        let examines = !settles && !has_final_phase && self.awaits_service().next().is_some();
        if !settles && !has_final_phase && !examines {
            return;
        }
        for step in self.nemesis.stop_all() {
            self.carry_out(step);
        }
        self.await_members();
        if examines {
            self.examine_restarted();
        }
        if settles {
            self.progress.phase("settling");
            self.settled.fill(false);
            // However few operations the main phase has, every node is to be seen at work here.
            let (begin, time) = (self.world.now(), self.options.settle);
            self.generate(begin + time, None, &Numbers::default(), begin + time / 2);
            self.drain();
            // Nodes that had no time to are not to blame.
            if self.is_interrupted() {
                return;
            }
            self.unsettled =
                self.unsettled_nodes().map(|node| self.world.node_ids()[node].clone()).collect();
        }
        if has_final_phase {
            self.progress.phase("recovering");
            let end = self.world.now() + self.options.recovery_time;
            while self.world.now() < end && !self.is_interrupted() {
                self.wait(end);
            }
            // Then operations of the main phase may be open still.
            if self.is_interrupted() {
                return;
            }
            self.progress.phase("final reads");
            self.clients.rest_all();
            self.start_final_operations();
            while self.clients.first_deadline().is_some() && !self.is_interrupted() {
                self.wait(Time::MAX);
                self.start_final_operations();
            }
        }
    }

    /// Nodes that have completed no operation since the run began to settle, as far as clients speak to them.
    fn unsettled_nodes(&self) -> impl Iterator<Item = usize> {
        let nodes = self.settled.iter().enumerate().take(self.clients.len());
        nodes.filter(|(_, settled)| !**settled).map(|(node, _)| node)
    }

    /// Has every idle worker begin its next final operation. One that has none is not asked again.
    fn start_final_operations(&mut self) {
        loop {
            let idle = self.clients.take_all_idle();
            if idle.is_empty() {
                return;
            }
            for worker in idle {
                if let Some(op) = self.workload.final_operation(self.clients.worker(worker)) {
                    self.start(worker, op, true);
                }
            }
        }
    }

    /// Nodes that were killed and have completed no operation since, as far as clients speak to them.
    pub(super) fn awaits_service(&self) -> impl Iterator<Item = usize> {
        let kills = self.options.nemesis.iter().any(|kind| kind.kills());
        let workers = if kills { self.clients.len() } else { 0 };
        let nodes = self.nodes.iter().enumerate().take(workers);
        nodes
            .filter(|(_, node)| node.is_down || node.has_restarted && !node.has_served)
            .map(|(index, _)| index)
    }

    /// Asks every restarted node that has not served yet, until it has or the time is up.
    fn examine_restarted(&mut self) {
        self.progress.phase("restarted nodes");
        let end = self.world.now() + EXAMINATION_TIME;
        // A node that refuses at once is asked again after a while, not at once.
        let mut next_round = self.world.now();
        while self.world.now() < end && !self.is_interrupted() {
            let awaited: Vec<_> =
                self.awaits_service().filter(|node| !self.world.is_down(*node)).collect();
            if awaited.is_empty() {
                break;
            }
            if next_round <= self.world.now() {
                next_round = self.ask_all(awaited);
            }
            self.wait(end.min(next_round));
        }
        self.drain();
    }

    /// Starts an operation of each of these nodes; says when they are to be asked again.
    fn ask_all(&mut self, nodes: Vec<usize>) -> Time {
        nodes.into_iter().for_each(|node| self.ask_if_idle(node));
        self.world.now() + EXAMINATION_GAP
    }

    /// Starts an operation of a node unless one is under way.
    fn ask_if_idle(&mut self, node: usize) {
        let idle = self.clients.idle().iter().position(|worker| self.clients.node(*worker) == node);
        if let Some(place) = idle
            && !self.clients.is_asked(node)
        {
            self.start_idle(place);
        }
    }

    /// Lets clients work and the nemesis strike until `end`, with at most so many operations, those that are
    /// left out included. From `ask_from` on nodes are asked besides that have not settled: chance may have
    /// passed them over.
    fn generate(
        &mut self,
        end: Time,
        operations_max: Option<u64>,
        omitted: &Numbers,
        mut ask_from: Time,
    ) {
        let mut drawn = 0;
        let gap_mean = Duration::from_secs_f64(match self.options.rate {
            rate if rate > 0.0 => 1.0 / rate,
            _ => f64::from(u32::MAX),
        });
        // Jepsen's generators never catch up: each gap is from when the last operation really began.
        let lateness_max = match self.options.compat {
            Some(Compat::Maelstrom) => Duration::ZERO,
            None => LATENESS_MAX,
        };
        let mut next = if self.options.rate > 0.0 { self.world.now() } else { Time::MAX };
        while !self.is_interrupted() {
            let now = self.world.now();
            if now >= end {
                break;
            }
            self.reseed_if_due(now);
            self.let_nemesis_strike(now);
            if ask_from <= now {
                let awaited: Vec<_> = self.unsettled_nodes().collect();
                ask_from = if awaited.is_empty() { Time::MAX } else { self.ask_all(awaited) };
            }
            let exhausted = operations_max.is_some_and(|most| drawn >= most);
            if next <= now && !self.clients.idle().is_empty() && !exhausted {
                match omitted.contains(drawn) {
                    true => self.omit_next(),
                    false => self.start_next(),
                }
                drawn += 1;
                let schedule = if now.since(next) <= lateness_max { next } else { now };
                next = schedule + self.random.uniform(gap_mean);
                continue;
            }
            let next_start =
                if self.clients.idle().is_empty() || exhausted { Time::MAX } else { next };
            let next_fault = self.nemesis.next_due().unwrap_or(Time::MAX);
            let next_seed =
                self.reseeds.front().map_or(Time::MAX, |(after, _)| self.origin + *after);
            self.wait(end.min(next_start).min(next_fault).min(next_seed).min(ask_from));
        }
    }

    /// Has all chance be drawn anew, if it is time to.
    fn reseed_if_due(&mut self, now: Time) {
        while let Some((_, seed)) =
            self.reseeds.pop_front_if(|(after, _)| self.origin + *after <= now)
        {
            self.random.reseed(seed, "generator");
            self.nemesis.reseed(seed);
            self.operator.reseed(seed);
            self.world.reseed(seed);
        }
    }

    /// Waits until no operation is under way.
    fn drain(&mut self) {
        while self.clients.first_deadline().is_some() && !self.is_interrupted() {
            self.wait(Time::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use checkers::Process;
    use proto::Time;
    use serde_json::Value;

    use super::Compat;
    use crate::options::{FaultKind, Options};
    use crate::progress::Silent as NoProgress;
    use crate::workload::registry::named;
    use crate::workload::workload;
    use crate::world::testing::Silent;

    /// How many operations are asked for in 100 s at a rate of 100, where each is begun 1 ms late.
    fn asked(compat: Option<Compat>) -> usize {
        let mut options = Options::new(named("echo")).with_nodes(2);
        (options.rate, options.time_limit) = (100.0, Duration::from_secs(100));
        (options.concurrency, options.compat) = (2000, compat);
        let mut world = Silent { late: Duration::from_millis(1), ..Silent::default() };
        let record = workload(&options).run(&mut world, &options, &mut NoProgress);
        record.history.events().count() / 2
    }

    /// What nodes are asked to echo if these operations are left out.
    fn echoed(omitted: &str) -> Vec<Value> {
        let mut options = Options::new(named("echo")).with_nodes(2);
        (options.rate, options.concurrency, options.max_operations) = (10.0, 100, Some(12));
        if !omitted.is_empty() {
            options.omit_operations = omitted.parse().unwrap();
        }
        let mut world = Silent::default();
        workload(&options).run(&mut world, &options, &mut NoProgress);
        let body = |body: &String| serde_json::from_str::<Value>(body).unwrap()["echo"].clone();
        world.heard.iter().map(body).filter(|echo| !echo.is_null()).collect()
    }

    #[test]
    fn an_operation_that_is_left_out_is_not_asked_for_and_the_others_are_as_before() {
        let all = echoed("");
        assert_eq!(all.len(), 12);
        let kept = [&all[3..5], &all[6..11]].concat();
        assert_eq!(echoed("0-2,5,11-99"), kept);
    }

    /// The workload gives up a lock that was refused a few times.
    #[test]
    fn an_operation_that_is_left_out_has_failed_in_the_eyes_of_the_workload() {
        let mut options = Options::new(named("lock")).with_nodes(2);
        (options.rate, options.concurrency) = (100.0, 2);
        (options.time_limit, options.max_operations) = (Duration::from_secs(10), Some(101));
        options.omit_operations = "0-99".parse().unwrap();
        let mut world = Silent::default();
        workload(&options).run(&mut world, &options, &mut NoProgress);
        let body = |body: &String| serde_json::from_str::<Value>(body).unwrap();
        let asked: Vec<_> = world.heard.iter().map(body).collect();
        let [.., last] = &asked[..] else { panic!("nothing was asked") };
        assert!(last["key"].as_u64() > Some(2), "{last}");
    }

    /// The steps of clients and of the nemesis, each with its time in seconds, and the seeds that the
    /// world was given.
    fn told(reseeds: &str) -> ([Vec<(f64, String)>; 2], Vec<u64>) {
        let mut options = Options::new(named("echo")).with_nodes(2);
        (options.rate, options.concurrency) = (20.0, 100);
        (options.time_limit, options.nemesis_interval) =
            (Duration::from_secs(4), Duration::from_millis(100));
        options.nemesis = vec![FaultKind::Partition];
        options.reseeds = reseeds.parse().unwrap_or_default();
        let mut world = Silent::default();
        let record = workload(&options).run(&mut world, &options, &mut NoProgress);
        let mut told = [Vec::new(), Vec::new()];
        for event in record.history.events() {
            let mut line = Vec::new();
            event.write(&mut line).unwrap();
            let place = usize::from(event.process() == Process::Nemesis);
            told[place].push((event.time() as f64 / 1e9, String::from_utf8(line).unwrap()));
        }
        (told, world.reseeded)
    }

    #[test]
    fn another_seed_decides_from_its_time_on_what_clients_nemesis_and_world_draw() {
        let (plain, none) = told("");
        let (both, seeds) = told("1.5:7,3:9");
        assert_eq!((none, seeds), (vec![], vec![7, 9]));
        assert_eq!(told("1.5:7,3:9").0, both);
        let (first_only, _) = told("1.5:7");
        for (one, other, parting) in [(&plain, &both, 1.5), (&first_only, &both, 3.0)] {
            for (one, other) in one.iter().zip(other) {
                let before = |steps: &[(f64, String)]| {
                    steps
                        .iter()
                        .take_while(|(time, _)| *time < parting)
                        .cloned()
                        .collect::<Vec<_>>()
                };
                assert_eq!(before(one), before(other));
                assert_ne!(one, other);
            }
        }
    }

    #[test]
    fn nodes_that_were_not_given_the_time_to_settle_are_not_to_blame() {
        let mut options = Options::new(named("echo")).with_nodes(2);
        (options.rate, options.time_limit) = (10.0, Duration::from_secs(10));
        options.settle = Duration::from_secs(10);
        let unsettled = |end| {
            let mut world = Silent { end, ..Silent::default() };
            workload(&options).run(&mut world, &options, &mut NoProgress).unsettled.len()
        };
        let after = |seconds| Time::ZERO + Duration::from_secs(seconds);
        assert_eq!([5, 17, 100].map(|seconds| unsettled(after(seconds))), [0, 0, 2]);
    }

    #[test]
    fn who_is_late_catches_up_but_not_where_figures_are_to_be_those_of_maelstrom() {
        let [ours, theirs] = [None, Some(Compat::Maelstrom)].map(asked);
        assert!((9_800..10_200).contains(&ours), "{ours}");
        // A gap of 10 ms has become one of 11.
        assert!((8_900..9_300).contains(&theirs), "{theirs}");
    }
}
