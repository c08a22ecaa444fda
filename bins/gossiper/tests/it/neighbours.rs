//! Whom a node tells a value, by the topology that it was given.

use gossiper::{Config, Gossiper, StrategyKind};
use proto::Script;

/// Nodes of a chain, in which `n9` lists `n5` and is not listed by it.
const TOPOLOGY: &str = r#"{"n1":["n2"],"n2":["n1","n3"],"n3":["n2","n4"],"n4":["n3","n5"],"n5":["n4","n6"],"n6":["n5"],"n9":["n5"]}"#;

/// Whom n5 tells each of many values of a client.
fn told(strategy: StrategyKind, fan_out: usize) -> Vec<Vec<String>> {
    let config = Config { strategy, fan_out, ..Config::default() };
    let mut script = Script::new(Gossiper::new(config));
    script.init("n5", &["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"]);
    let mut ask = |body: &str| {
        script.line(&format!(r#"{{"src":"c1","dest":"n5","body":{{"msg_id":1,{body}}}}}"#))
    };
    ask(&format!(r#""type":"topology","topology":{TOPOLOGY}"#));
    let told = |lines: Vec<String>| {
        let of_values = lines.iter().filter_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).unwrap();
            let dest = message["dest"].as_str().unwrap().to_owned();
            (message["body"]["type"] == "broadcast").then_some(dest)
        });
        let mut dests: Vec<_> = of_values.collect();
        dests.sort();
        dests
    };
    (0..50).map(|value| told(ask(&format!(r#""type":"broadcast","message":{value}"#)))).collect()
}

#[test]
fn flood_tells_those_in_the_own_list() {
    assert!(told(StrategyKind::Flood, 2).iter().all(|told| *told == ["n4", "n6"]));
}

#[test]
fn fan_out_draws_from_the_own_list() {
    for fan_out in [2, 3, usize::MAX] {
        let told = told(StrategyKind::FanOut, fan_out);
        assert!(told.iter().all(|told| *told == ["n4", "n6"]), "{fan_out}: {told:?}");
    }
    let told = told(StrategyKind::FanOut, 1);
    assert!(told.iter().all(|told| *told == ["n4"] || *told == ["n6"]), "{told:?}");
    assert!(told.contains(&vec!["n4".to_owned()]) && told.contains(&vec!["n6".to_owned()]));
}
