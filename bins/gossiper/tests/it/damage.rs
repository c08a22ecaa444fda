//! Records that are not as the node wrote them: it says so and takes no part, whatever the damage.

use gossiper::{Config, Gossiper};
use proto::{Records, Script};

type Damage = fn(&mut Records);

fn value_key(position: u32) -> Vec<u8> {
    [&b"value/"[..], &position.to_be_bytes()].concat()
}

fn client(id: u64, body: &str) -> String {
    format!(r#"{{"src":"c1","dest":"n1","body":{{"msg_id":{id},{body}}}}}"#)
}

fn restarted(records: Records) -> Script<Gossiper> {
    let mut script = Script::with_records(Gossiper::new(Config::default()), 0, Some(records));
    script.init("n1", &["n1", "n2"]);
    script
}

/// What a node keeps that has got a topology and three values.
fn records() -> Records {
    let mut script = restarted(Records::new());
    script.line(&client(2, r#""type":"topology","topology":{"n1":["n2"]}"#));
    for value in ["1", "\"zwei\"", "[3]"] {
        script.line(&client(3, &format!(r#""type":"broadcast","message":{value}"#)));
    }
    script.records().clone()
}

#[test]
fn a_node_goes_on_with_the_values_it_kept_in_their_order() {
    let mut script = restarted(records());
    assert_eq!(script.logs(), [""; 0]);
    let read = script.line(&client(2, r#""type":"read""#));
    assert!(read[0].contains(r#""messages":[1,"zwei",[3]]"#), "{read:?}");
    // The next one gets the next position: no record is written over.
    script.line(&client(3, r#""type":"broadcast","message":4"#));
    assert_eq!(script.records().get(&value_key(3)), Some(&b"4".to_vec()));
    assert_eq!(script.records().len(), 5);
}

#[test]
fn damaged_records_are_refused_with_a_line_that_says_what_to_do() {
    let damages: [(&str, Damage); 7] = [
        ("value/1", |records| drop(records.insert(value_key(1), b"[3".to_vec()))),
        ("value/1", |records| drop(records.insert(value_key(1), vec![0xff]))),
        ("value/1", |records| drop(records.insert(value_key(1), b"1.0".to_vec()))),
        ("value/2", |records| drop(records.remove(&value_key(1)))),
        ("value/12", |records| drop(records.insert(b"value/12".to_vec(), b"5".to_vec()))),
        ("topology", |records| drop(records.insert(b"topology".to_vec(), b"[]".to_vec()))),
        ("mood", |records| drop(records.insert(b"mood".to_vec(), b"{\"n1\":[]}".to_vec()))),
    ];
    for (name, damage) in damages {
        let mut damaged = records();
        damage(&mut damaged);
        let mut script = restarted(damaged.clone());
        let [log] = script.logs() else { panic!("{name}: {:?}", script.logs()) };
        assert!(log.contains(&format!("`{name}`")) && log.contains("remove it"), "{log}");
        // Clients hear of it, peers too, and nothing is written over.
        for body in [r#""type":"read""#, r#""type":"broadcast","message":9"#] {
            let reply = script.line(&client(2, body));
            assert!(reply[0].contains(r#""code":14"#) && reply[0].contains(name), "{reply:?}");
        }
        let peer = client(3, r#""type":"broadcast","message":9"#).replace("c1", "n2");
        assert!(script.line(&peer)[0].contains(r#""type":"error""#));
        assert_eq!(script.advance(std::time::Duration::from_secs(60)), [""; 0]);
        assert_eq!(*script.records(), damaged);
    }
}
