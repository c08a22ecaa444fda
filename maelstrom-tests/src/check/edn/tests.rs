use super::*;

/// Each form as JSON with its line; or what is wrong and where.
fn read(text: &str) -> std::result::Result<Vec<(u64, String)>, (u64, String)> {
    // A buffer of one byte, so that every look ahead meets the end of a buffer.
    let mut forms = Forms::new(io::BufReader::with_capacity(1, text.as_bytes()));
    let mut all = Vec::new();
    loop {
        let mut json = String::new();
        match forms.next(&mut json) {
            Ok(Some(line)) => all.push((line, json)),
            Ok(None) => return Ok(all),
            Err(error) => return Err((forms.line(), error.to_string())),
        }
    }
}

fn one(text: &str) -> String {
    let [(_, json)] = &read(text).unwrap()[..] else { panic!("`{text}` is one form") };
    let _: serde_json::Value = serde_json::from_str(json).unwrap();
    json.clone()
}

#[test]
fn every_kind_of_form_has_its_json() {
    for (edn, json) in [
        ("nil", "null"),
        ("{:a [1/2 017 0x1f]}", r#"{"a":["1/2","017","0x1f"]}"#),
        ("true", "true"),
        (":append", r#""append""#),
        (":net/timeout", r#""net/timeout""#),
        ("a-symbol", r#""a-symbol""#),
        ("-", r#""-""#),
        ("-17", "-17"),
        ("+17", "17"),
        ("123456789012345678901234567890N", "123456789012345678901234567890"),
        ("2.50M", "2.50"),
        ("1e3", "1e3"),
        ("##Inf", r#""Inf""#),
        (r"\a", r#""a""#),
        (r"\newline", r#""newline""#),
        (r#""a \"b\" \n \u00e9 \ud83d\ude00""#, r#""a \"b\" \n é 😀""#),
        ("#{1 2}", "[1,2]"),
        ("{1 2, :k [3 (4)], \"s\" {}}", r#"{"1":2,"k":[3,[4]],"s":{}}"#),
        ("{[1 :a] 2}", r#"{"[1,\"a\"]":2}"#),
        ("#jepsen.independent/tuple [3 nil]", "[3,null]"),
        ("#jepsen.history.Op{:f :read, :value nil}", r#"{"f":"read","value":null}"#),
        ("#:jepsen{:type :ok, :a/b 1}", r#"{"type":"ok","a/b":1}"#),
        ("#::{:a 1}", r#"{"a":1}"#),
        ("#inst \"2020\"", r#""2020""#),
        ("; a comment\n7 #_ 8 #_#_ 9 10", "7"),
        ("{:a #_ 1 2}", r#"{"a":2}"#),
    ] {
        assert_eq!(one(edn), json, "{edn}");
    }
    assert_eq!(read("([\\( \\] 1])").unwrap(), [(1, r#"["(","]",1]"#.to_owned())]);
}

#[test]
fn a_list_of_forms_is_read_like_forms_that_follow_each_other() {
    let expected = |lines: [u64; 2]| {
        lines.into_iter().zip([r#"{"a":1}"#, r#"{"b":2}"#].map(str::to_owned)).collect()
    };
    for (text, lines) in [
        ("{:a 1}\n{:b 2}\n", [1, 2]),
        ("[{:a 1}\n\n {:b\n2}]", [1, 3]),
        ("({:a 1}{:b 2})\n", [1, 1]),
    ] {
        assert_eq!(read(text), Ok(expected(lines)), "{text}");
    }
    assert_eq!(read(" \n"), Ok(Vec::new()));
}

#[test]
fn what_is_no_edn_is_told_with_its_line() {
    for (text, line, flaw) in [
        ("{:a 1}\n{:a", 2, "the file ends before `}`"),
        ("{:a", 1, "the file ends before `}`"),
        ("(1\n2", 2, "the file ends inside of its list"),
        ("\n}", 2, "`}` closes nothing"),
        ("{:a 1 :b}", 1, "a key without a value"),
        ("\"abc", 1, "the file ends inside of a string"),
        ("\"\\q\"", 1, "`\\q` in a string"),
        ("\"\\ud800x\"", 1, "half a character"),
        ("#\"a\"", 1, "`#` stands before nothing"),
        (&"#_".repeat(5000), 1, "forms in each other"),
        (&"{:a".repeat(5000), 1, "forms in each other"),
    ] {
        let (at, error) = read(text).unwrap_err();
        assert!(error.contains(flaw), "{text}: {error}");
        assert_eq!(at, line, "{text}");
    }
}
