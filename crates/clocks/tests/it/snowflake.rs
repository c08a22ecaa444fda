//! Snowflake ids: the layout bit by bit, and ids that rise under any clock.

use clocks::snowflake::{
    Epoch, Generator, MACHINE_MAX, OutOfRange, Parts, SEQUENCE_MAX, TIMESTAMP_MAX_MS,
};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

const START_MS: u64 = Epoch::YEAR_2024.unix_ms;

fn parts(timestamp_ms: u64, machine: u64, sequence: u64) -> Parts {
    Parts { timestamp_ms, machine, sequence }
}

#[test]
fn the_fields_lie_where_the_layout_says() {
    for (parts, id) in [
        (parts(0, 0, 0), 0),
        (parts(0, 0, 1), 1),
        (parts(0, 1, 0), 0x1000),
        (parts(1, 0, 0), 0x40_0000),
        (parts(TIMESTAMP_MAX_MS, MACHINE_MAX, SEQUENCE_MAX), u64::MAX >> 1),
        // Worked out by hand from 1,678,886,400,000 ms, machine 1.
        (parts(1_678_886_400_000, 1, 0), 7_041_759_943_065_604_096),
    ] {
        assert_eq!((parts.encode(), Parts::decode(id)), (Ok(id), Ok(parts)));
    }
}

#[test]
fn taking_apart_undoes_putting_together_and_keeps_the_order() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut draw = || {
        parts(
            random.random_range(0..=TIMESTAMP_MAX_MS),
            random.random_range(0..=MACHINE_MAX),
            random.random_range(0..=SEQUENCE_MAX),
        )
    };
    for _ in 0..10_000 {
        let (a, b) = (draw(), draw());
        assert_eq!(Parts::decode(a.encode().unwrap()), Ok(a));
        assert_eq!(a.cmp(&b), a.encode().unwrap().cmp(&b.encode().unwrap()));
    }
}

#[test]
fn what_does_not_fit_is_named_and_never_cut_off() {
    let fields = [
        (parts(TIMESTAMP_MAX_MS + 1, 0, 0), "timestamp", TIMESTAMP_MAX_MS),
        (parts(0, MACHINE_MAX + 1, 0), "machine", MACHINE_MAX),
        (parts(0, 0, SEQUENCE_MAX + 1), "sequence", SEQUENCE_MAX),
    ];
    for (parts, field, max) in fields {
        assert_eq!(parts.encode(), Err(OutOfRange { field, value: max + 1, max }));
    }
    let negative = 1 << 63;
    let error = Parts::decode(negative).unwrap_err();
    assert_eq!(error.to_string(), format!("the id {negative} is more than {}", u64::MAX >> 1));
    assert!(Generator::new(MACHINE_MAX + 1, Epoch::UNIX).is_err());
}

#[test]
fn ids_of_a_machine_rise_under_any_clock() {
    for seed in 0..50 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut generator = Generator::new(5, Epoch::YEAR_2024).unwrap();
        let mut clock_ms = START_MS;
        let mut last = None;
        for _ in 0..random.random_range(1..10_000) {
            clock_ms = match random.random_range(0..1_000) {
                0..990 => clock_ms,
                990..995 => clock_ms + 1,
                995..998 => clock_ms + random.random_range(0..100_000),
                998 => clock_ms.saturating_sub(random.random_range(0..100_000)),
                _ => random.random_range(0..START_MS * 2),
            };
            let Ok(parts) = generator.generate(clock_ms) else {
                assert!(clock_ms - START_MS > TIMESTAMP_MAX_MS, "only such a clock is an error");
                continue;
            };
            let id = parts.encode().unwrap();
            assert!(last < Some(id), "seed {seed}");
            assert_eq!(parts.machine, 5);
            last = Some(id);
        }
    }
}

#[test]
fn a_sequence_that_is_used_up_moves_on_as_waiting_would() {
    let mut generator = Generator::new(0, Epoch::YEAR_2024).unwrap();
    let made: Vec<_> = (0..5_000).map(|_| generator.generate(START_MS + 7).unwrap()).collect();
    assert_eq!(made[4_095], parts(7, 0, 4_095));
    assert_eq!(made[4_096], parts(8, 0, 0));
    assert_eq!(generator.highest_sequence(), 4_095);
    assert_eq!(generator.generate(START_MS + 8), Ok(parts(8, 0, 904)), "the clock comes after");
    assert_eq!(generator.generate(START_MS + 9), Ok(parts(9, 0, 0)));
}

#[test]
fn a_clock_before_the_epoch_counts_as_the_epoch() {
    let mut generator = Generator::new(0, Epoch::YEAR_2024).unwrap();
    assert_eq!(generator.generate(5), Ok(parts(0, 0, 0)));
    assert_eq!(generator.timestamp_ms(START_MS - 1), 0);
    assert_eq!(generator.timestamp_ms(START_MS + 3), 3);
}

#[test]
fn beyond_the_last_timestamp_there_is_an_error_and_a_clock_that_comes_back_is_forgiven() {
    let mut generator = Generator::new(0, Epoch::YEAR_2024).unwrap();
    let end = START_MS + TIMESTAMP_MAX_MS;
    assert_eq!(generator.generate(end + 1).unwrap_err().field, "timestamp");
    assert_eq!(generator.generate(START_MS), Ok(parts(0, 0, 0)));
    let last = (0..4_096).map(|_| generator.generate(end).unwrap()).last();
    assert_eq!(last, Some(parts(TIMESTAMP_MAX_MS, 0, SEQUENCE_MAX)));
    generator.generate(end).unwrap_err();
}

#[test]
fn a_later_life_skips_what_an_earlier_one_may_have_used() {
    let mut generator = Generator::new(0, Epoch::YEAR_2024).unwrap();
    generator.skip_to(1_000);
    assert_eq!(generator.generate(START_MS), Ok(parts(1_000, 0, 0)));
    generator.skip_to(500);
    assert_eq!(generator.generate(START_MS), Ok(parts(1_000, 0, 1)));
}
