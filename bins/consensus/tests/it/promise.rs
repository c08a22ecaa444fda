//! What `--help` and `raft::roster` promise of clusters without a state
//! directory, held against kills and cuts drawn from a seed.
//!
//! *Nothing acknowledged is lost as long as fewer than half of the nodes are
//! ever killed, and each of those had been met by all the others before it was
//! killed for the first time.* The adversary here keeps to this and to nothing
//! else: it cuts from the first moment on, kills again and again, and kills as
//! soon as it may.

use std::time::Duration;

use simulator::{Cut, Random};

use crate::faults::{KINDS, Run, Scenario, seeds};

/// Who may be killed, and who was.
struct Adversary {
    mortal: Vec<bool>,
    killed: Vec<bool>,
    kills: u32,
}

impl Adversary {
    fn draw(nodes: usize, random: &mut Random) -> Self {
        let mut order: Vec<usize> = (0..nodes).collect();
        random.shuffle(&mut order);
        let mut mortal = vec![false; nodes];
        order.into_iter().take((nodes - 1) / 2).for_each(|node| mortal[node] = true);
        Self { mortal, killed: vec![false; nodes], kills: 0 }
    }

    /// Whether killing a node is within the promise.
    fn may_kill(&self, run: &mut Run, victim: usize) -> bool {
        let mut others = (0..self.mortal.len()).filter(|&node| !self.mortal[node]);
        let cluster = run.lab.cluster();
        let victim_id = cluster.node(victim).replica().map(|replica| replica.raft().id());
        let has_met = |node: usize| {
            let replica = cluster.node(node).replica();
            let known = replica.map(|replica| replica.raft().incarnations());
            known.zip(victim_id).is_some_and(|(known, victim)| known.contains_key(&victim))
        };
        self.mortal[victim] && (self.killed[victim] || others.all(has_met))
    }

    fn strike(&mut self, run: &mut Run) {
        let nodes = self.mortal.len();
        let victim = run.random.index(nodes);
        let kind = KINDS[run.random.index(KINDS.len())];
        match run.random.below(8) {
            0..3 if self.may_kill(run, victim) => {
                run.lab.cluster().crash(victim);
                self.killed[victim] = true;
                self.kills += 1;
            }
            0..5 => (0..nodes).for_each(|node| run.lab.cluster().restart(node)),
            5 => run.lab.cluster().network_mut().set_cut(Cut::none(nodes)),
            _ => {
                let cluster = run.lab.cluster();
                let leads = |&node: &usize| {
                    cluster.node(node).replica().is_some_and(|r| r.raft().is_leader())
                };
                let cut = kind.draw(nodes, (0..nodes).find(leads), &mut run.random);
                run.lab.cluster().network_mut().set_cut(cut);
            }
        }
    }
}

#[test]
fn without_a_directory_what_is_promised_holds() {
    let mut kills = 0;
    let seeds = seeds(60);
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let mut random = Random::new(seed, "promise");
        let scenario = Scenario { durable: false, ..Scenario::draw(&mut random) };
        let mut adversary = Adversary::draw(scenario.nodes, &mut random);
        let mut run = Run::new(seed, scenario, random);
        let nodes = run.scenario.nodes;
        if run.random.chance(0.5) {
            let kind = KINDS[run.random.index(KINDS.len())];
            let cut = kind.draw(nodes, None, &mut run.random);
            run.lab.cluster().network_mut().set_cut(cut);
        }
        let result = run.run(Duration::from_millis(150), |run| adversary.strike(run));
        if let Err(problem) = result {
            panic!(
                "{problem}\nin {:?}\nreplay: SEED={seed} SEEDS=1 cargo test -p consensus promise",
                run.scenario
            );
        }
        kills += adversary.kills;
    }
    // It is no use to promise what is never tried.
    assert!(u64::from(kills) > 3 * count, "{kills} kills in {count} runs");
}
