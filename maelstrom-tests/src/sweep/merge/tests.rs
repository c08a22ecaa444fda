use super::*;
use crate::command_line::{Call, Target};
use crate::options::Options;
use crate::programs::IDENTIFIER;
use crate::workload::registry::named;
use bench::sweep::Strategy;

fn sweep(seeds: &str, tried: impl IntoIterator<Item = (u64, Outcome)>) -> Sweep {
    let options = Options::new(named("echo")).with_nodes(1);
    let target = Target::Simulated(IDENTIFIER);
    let call = Call { target, options, expect: Vec::new(), args: vec!["echo".to_owned()] };
    let header = Header::new(seeds.parse().unwrap(), Strategy::Independent, &call);
    let known = Known { tried: tried.into_iter().collect(), ..Known::default() };
    Sweep { header, first: PathBuf::from("first"), known }
}

fn invalid(kind: FailureKind, cause: &str) -> Outcome {
    Outcome::invalid(kind, cause)
}

fn unknown(cause: &str) -> Outcome {
    Outcome::Unknown(cause.to_owned())
}

#[test]
fn bugs_are_grouped_by_kind_and_by_cause_but_for_its_numbers() {
    use FailureKind::{Stats, Workload};
    let merged = sweep(
        "0..8",
        [
            (0, unknown("no answer after 5 s")),
            (1, invalid(Stats, "nothing of 3")),
            (2, invalid(Workload, "12 elements lost")),
            (3, Outcome::Valid),
            (4, invalid(Workload, "an element came twice")),
            (5, invalid(Workload, "7 elements lost")),
            (6, invalid(Stats, "7 elements lost")),
            (7, unknown("no answer after 17 s")),
        ],
    )
    .result();
    let command = "eddy test --workload echo --simulate identifier --node-count 1 \
                   --time-limit 60 --rate 5 --seed";
    assert_eq!(
        merged.to_string(),
        format!(
            "seeds 0..8 of {command} 0 -- echo
8 of 8 seeds tried: 1 valid, 5 invalid, 2 unknown

2 seeds are invalid (workload), the lowest is 2: 12 elements lost
  repeat:  {command} 2 -- echo

1 seed is invalid (workload), the lowest is 4: an element came twice
  repeat:  {command} 4 -- echo

1 seed is invalid (stats), the lowest is 1: nothing of 3
  repeat:  {command} 1 -- echo

1 seed is invalid (stats), the lowest is 6: 7 elements lost
  repeat:  {command} 6 -- echo

2 seeds are unknown, the lowest is 0: no answer after 5 s
  repeat:  {command} 0 -- echo
"
        )
    );
    assert_eq!(merged.status(), 1);
}

#[test]
fn missing_seeds_are_named_and_make_the_result_unknown() {
    let missing = |seeds: &str, tried: &[u64]| {
        let tried = tried.iter().map(|seed| (*seed, Outcome::Valid));
        let merged = sweep(seeds, tried).result();
        let text = merged.to_string();
        let missing = text.lines().last().unwrap_or_default().to_owned();
        (merged.status(), missing)
    };
    assert_eq!(
        missing("5..20", &[6, 7, 9, 13, 18]),
        (2, "10 seeds are missing: 5, 8, 10..13, 14..18, 19".to_owned())
    );
    assert_eq!(missing("5..7", &[5]), (2, "1 seed is missing: 6".to_owned()));
    let all = "2 of 2 seeds tried: 2 valid, 0 invalid, 0 unknown";
    assert_eq!(missing("5..7", &[5, 6]), (0, all.to_owned()));
    // A whole shard of two is many stretches.
    let even: Vec<u64> = (0..100).map(|half| half * 2).collect();
    let (_, odd) = missing("0..200", &even);
    assert!(odd.starts_with("100 seeds are missing: 1, 3, 5, "), "{odd}");
    assert!(odd.ends_with("37, 39, and 80 more stretches"), "{odd}");
    // The largest range there is.
    let (_, most) = missing("0..18446744073709551615", &[18_446_744_073_709_551_614]);
    assert!(most.ends_with(" missing: 0..18446744073709551614"), "{most}");
}

#[test]
fn files_join_in_any_order_and_have_to_agree() {
    let lost = || invalid(FailureKind::Workload, "1 lost");
    let part = |seeds: &[u64]| sweep("0..4", seeds.iter().map(|seed| (*seed, lost())));
    let text = |order: &[&[u64]]| {
        let mut whole = part(order[0]);
        for more in &order[1..] {
            let more = part(more);
            whole.join(Path::new("more"), &more.header, more.known).unwrap();
        }
        whole.result().to_string()
    };
    let whole = text(&[&[0, 1, 2, 3]]);
    for order in [[&[0, 2][..], &[1, 3]], [&[1, 3], &[0, 2]], [&[3, 1, 2], &[0, 1]]] {
        assert_eq!(text(&order), whole, "{order:?}");
    }
    let mut whole = part(&[0, 1]);
    let other = sweep("0..4", [(1, Outcome::Valid)]);
    let refusal = whole.join(Path::new("more"), &other.header, other.known).unwrap_err();
    assert!(refusal.starts_with("more and a file before it disagree on seed 1"), "{refusal}");
    let other = sweep("0..5", []);
    let refusal = whole.join(Path::new("more"), &other.header, other.known).unwrap_err();
    assert_eq!(refusal, "first and more are different sweeps, over seeds 0..4 and over 0..5");
}
