use super::*;

fn run(cluster_size: u64, operations: u64, cut: (u64, u64), seed: u64) -> PartitionTestOk {
    let test = PartitionTest {
        cluster_size,
        operations,
        partition_after_op: cut.0,
        heal_after_op: cut.1,
        seed: Some(seed),
    };
    let mut run = PartitionRun::new(test, &Settings::default()).unwrap();
    finish(&mut run).unwrap()
}

fn finish(run: &mut PartitionRun) -> Result<PartitionTestOk, Error> {
    std::iter::repeat_with(|| run.work(1000)).find_map(|result| result).unwrap()
}

#[test]
fn what_cannot_be_judged_is_not_called_a_violation() {
    let test = PartitionTest {
        cluster_size: 3,
        operations: 10,
        partition_after_op: 2,
        heal_after_op: 8,
        seed: None,
    };
    for (verdict, expected) in [
        (Verdict::Valid, Ok(true)),
        (Verdict::Invalid, Ok(false)),
        (Verdict::Unknown, Err(ErrorCode::Timeout)),
    ] {
        let mut run = PartitionRun::new(test.clone(), &Settings::default()).unwrap();
        run.verdict = verdict;
        let result = finish(&mut run);
        assert_eq!(result.map(|r| r.linearizable).map_err(|e| e.code), expected);
    }
}

#[test]
fn the_minority_is_refused_and_the_majority_served() {
    for seed in 0..20 {
        for (size, operations, cut) in [(5, 20, (5, 15)), (5, 10, (2, 8)), (3, 60, (1, 50))] {
            let result = run(size, operations, cut, seed);
            let minority = (size - 1) / 2;
            let during = cut.1 - cut.0;
            assert!(result.linearizable);
            assert_eq!(result.total_ops, operations);
            assert_eq!(result.ops_succeeded + result.ops_rejected, operations);
            assert_eq!(result.ops_during_partition, during);
            // Dealt in turn: the minority gets its share and not more.
            let share = during.div_ceil(size) * minority;
            assert!(result.ops_rejected >= 1 && result.ops_rejected <= share, "{result:?}");
        }
    }
}

#[test]
fn without_a_quorum_on_either_side_everything_is_refused() {
    let result = run(2, 30, (10, 25), 1);
    assert_eq!((result.ops_rejected, result.ops_succeeded), (15, 15));
    let result = run(4, 40, (0, 40), 1);
    assert!(result.ops_rejected >= 10 && result.ops_succeeded >= 25, "{result:?}");
}

#[test]
fn without_a_cut_nothing_is_refused() {
    let result = run(5, 500, (100, 100), 3);
    assert_eq!((result.ops_rejected, result.ops_during_partition), (0, 0));
}

#[test]
fn the_same_seed_is_the_same_run() {
    assert_eq!(run(5, 300, (50, 200), 9), run(5, 300, (50, 200), 9));
}

#[test]
fn impossible_parameters_are_named() {
    let good = PartitionTest {
        cluster_size: 5,
        operations: 10,
        partition_after_op: 2,
        heal_after_op: 8,
        seed: None,
    };
    for (test, says) in [
        (PartitionTest { cluster_size: 1, ..good.clone() }, "`cluster_size`"),
        (PartitionTest { cluster_size: 1000, ..good.clone() }, "`cluster_size`"),
        (PartitionTest { operations: 0, ..good.clone() }, "`operations`"),
        (PartitionTest { heal_after_op: 11, ..good.clone() }, "`heal_after_op`"),
        (PartitionTest { partition_after_op: 9, ..good }, "`partition_after_op`"),
    ] {
        let error = PartitionRun::new(test, &Settings::default()).unwrap_err();
        assert!(error.text.starts_with(says), "{error}");
    }
}
