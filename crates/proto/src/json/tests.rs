use super::*;

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn hash(value: &Json) -> u64 {
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn every_value_comes_back_as_it_came() {
    for text in [
        "0",
        "-0",
        "-7",
        "9007199254740993",
        "123456789012345678901234567890",
        "0.10",
        "1e400",
        "null",
        "true",
        r#""x""#,
        r#""\u0061\n""#,
        r#"{"b":1,"a":[1.0, {"c" : null}]}"#,
    ] {
        assert_eq!(serde_json::to_string(&json(text)).unwrap(), text);
    }
}

#[test]
fn values_are_equal_when_they_mean_the_same() {
    for (left, right) in [
        ("1", "1.0"),
        ("100", "1e2"),
        ("100000000000000000", "1e17"),
        ("1000000000000000000", "1e18"),
        ("-9000000000000000000", "-9e18"),
        ("9223372036854775807", "9223372036854775807.0"),
        ("-9223372036854775808", "-9223372036854775808e0"),
        ("9223372036854775808", "9223372036854775808.0"),
        ("9999999999999999999", "9999999999999999999.0"),
        ("0", "-0"),
        ("0", "0.000"),
        ("1.50", "15e-1"),
        ("123456789012345678901234567890", "12345678901234567890123456789e1"),
        (r#""a""#, r#""\u0061""#),
        (r#"{"a":1,"b":2}"#, r#"{ "b": 2.0, "a": 1 }"#),
        ("[1, 2]", "[1,2]"),
    ] {
        assert_eq!(json(left), json(right), "{left} {right}");
        assert_eq!(hash(&json(left)), hash(&json(right)), "{left} {right}");
    }
    for (left, right) in [
        ("1", "2"),
        ("1", r#""1""#),
        ("9007199254740992", "9007199254740993"),
        ("1e400", "1e401"),
        ("[1,2]", "[2,1]"),
        ("null", "false"),
        ("1", "-1"),
    ] {
        assert_ne!(json(left), json(right), "{left} {right}");
    }
}

#[test]
fn floats_can_be_told_from_integers_and_keep_their_text() {
    let apart = |text: &str| json(text).distinguishing_floats();
    for (left, right) in [
        ("1", "1.0"),
        ("100", "1e2"),
        ("0", "0.0"),
        ("[1]", "[1.0]"),
        (r#"{"a":{"b":[2]}}"#, r#"{"a":{"b":[2.0]}}"#),
        ("1000000000000000000000", "1e21"),
    ] {
        assert_ne!(apart(left), apart(right), "{left} {right}");
        assert_eq!(apart(right).text(), right);
    }
    for (left, right) in [
        ("1.0", "1.00"),
        ("1.5", "15e-1"),
        ("-0", "0"),
        ("7", "7"),
        (r#""a""#, r#""\u0061""#),
        ("[1, 2]", "[1,2]"),
        ("null", "null"),
    ] {
        assert_eq!(apart(left), apart(right), "{left} {right}");
        assert_eq!(hash(&apart(left)), hash(&apart(right)), "{left} {right}");
    }
    assert_eq!((apart("1.0").as_i64(), apart("1").as_i64()), (None, Some(1)));
    assert!(apart("null").is_null());
    assert_eq!(apart("1.0").distinguishing_floats(), apart("1.0"));
}

#[test]
fn numbers_with_absurd_exponents_and_deep_values_are_harmless() {
    let far = json("1e99999999999999999999");
    assert_eq!(far, json("1e99999999999999999999"));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(json(&deep), json(&deep));
}

#[test]
fn integers_come_in_their_order_and_before_all_else() {
    for (less, more) in [("-5", "3"), ("9", "10"), ("10", "\"1\""), ("123456789012345678", "{}")] {
        let (less, more) = (json(less), json(more));
        assert!(less < more, "{less:?} {more:?}");
        assert_eq!(more.partial_cmp(&less), Some(std::cmp::Ordering::Greater));
    }
}

#[test]
fn every_integer_that_fits_is_one() {
    for number in [i64::MAX, i64::MIN, i64::MAX - 1, 1_000_000_000_000_000_000, 999, 0, -1] {
        assert_eq!(json(&number.to_string()).as_i64(), Some(number));
        assert_eq!(json(&number.to_string()), Json::from(number));
        assert_eq!(json(&format!("{number}.0")).as_i64(), Some(number));
    }
    for text in ["9223372036854775808", "-9223372036854775809", "9999999999999999999", "1e19"] {
        assert_eq!(json(text).as_i64(), None, "{text}");
    }
    assert!(json("999999999999999999") < json("1000000000000000000"));
}

#[test]
fn strings_and_lists_are_known() {
    for (text, is_r, is_list) in [
        (r#""r""#, true, false),
        (r#""\u0072""#, true, false),
        (r#""rr""#, false, false),
        (r#""\"r""#, false, false),
        ("[]", false, true),
        (r#"["r"]"#, false, true),
        ("1", false, false),
        ("null", false, false),
        (r#"{"r":[]}"#, false, false),
    ] {
        assert_eq!((json(text).is_string("r"), json(text).is_list()), (is_r, is_list), "{text}");
    }
}
