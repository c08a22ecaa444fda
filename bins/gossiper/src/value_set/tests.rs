use std::collections::BTreeMap;

use proto::NodeId;

use super::*;

fn filled(numbers: std::ops::Range<i64>) -> ValueSet {
    let mut set = ValueSet::default();
    for number in numbers {
        set.insert(Json::from(number));
    }
    set
}

#[test]
fn each_value_is_there_once_however_it_is_written() {
    let mut set = ValueSet::default();
    assert_eq!(set.insert(Json::parse("1").unwrap()), Some(0));
    assert_eq!(set.insert(Json::parse("1.0").unwrap()), None);
    assert_eq!(set.insert(Json::parse("\"1\"").unwrap()), Some(1));
    assert_eq!(set.insert(Json::parse("{\"a\":1,\"b\":2}").unwrap()), Some(2));
    assert_eq!(set.insert(Json::parse("{\"b\":2,\"a\":1}").unwrap()), None);
    assert_eq!(set.position(&Json::from("1")), Some(1));
    assert_eq!(set.len(), 3);
}

#[test]
fn ranges_and_their_sums_agree_with_a_plain_map_at_every_size() {
    for count in [0, 1, 8, 9, 200, 4100, 5000] {
        let set = filled(0..count);
        let all: BTreeMap<u64, Position> =
            (0..count).map(|number| (hash(&Json::from(number)), number as Position)).collect();
        let mut prefixes = vec![Prefix::ALL];
        prefixes.extend(Prefix::ALL.children());
        for digits in 1..=Prefix::DIGITS_MAX {
            let hash = all.keys().next().copied().unwrap_or(7);
            prefixes.push(Prefix::of(Hash(hash), digits));
            prefixes.push(Prefix::of(Hash(!hash), digits));
        }
        for prefix in prefixes {
            let expected: BTreeMap<_, _> =
                all.iter().filter(|(hash, _)| prefix.contains(Hash(**hash))).collect();
            let found: BTreeMap<_, _> = set.in_range(prefix).collect();
            assert!(
                found.iter().map(|(hash, position)| (&hash.0, position)).eq(expected.clone()),
                "{count} values, {prefix:?}"
            );
            let sum = expected.keys().fold(0, |sum: u64, hash| sum.wrapping_add(**hash));
            assert_eq!(set.sum_of(prefix), Hash(sum), "{count} values, {prefix:?}");
        }
        assert_eq!(set.sum(), set.sum_of(Prefix::ALL));
    }
}

#[test]
fn the_hash_is_part_of_the_protocol_and_stays_what_it_is() {
    assert_eq!(hash(&Json::from(42)), hash(&Json::parse("42.0").unwrap()));
    let known = [Json::from(42), Json::from("abc"), Json::null()].map(|json| hash(&json));
    assert_eq!(known, [1145223722050058112, 14291139491788290254, 18041707785856461110]);
    // Names of replicas are in the fingerprints of counters.
    let names =
        ["n1", "a-name-that-is-longer-than-a-few-words"].map(|name| hash(&NodeId::new(name)));
    assert_eq!(names, [13160957611274959689, 1380282096002455074]);
}

#[test]
fn hashes_and_prefixes_come_back_from_their_text() {
    for hash in [Hash(0), Hash(u64::MAX), Hash(0x0123_4567_89ab_cdef)] {
        let text = serde_json::to_string(&hash).unwrap();
        assert_eq!(text.len(), 18);
        assert_eq!(serde_json::from_str::<Hash>(&text).unwrap(), hash);
        for digits in 0..=16 {
            let prefix = Prefix::of(hash, digits);
            let text = serde_json::to_string(&prefix).unwrap();
            assert_eq!(text.len(), usize::from(digits) + 2);
            assert_eq!(serde_json::from_str::<Prefix>(&text).unwrap(), prefix);
        }
    }
    for bad in ["\"0\"", "\"g123456789abcdef\"", "\"+123456789abcdef\"", "7"] {
        assert!(serde_json::from_str::<Hash>(bad).is_err(), "{bad}");
    }
}
