//! Models and what they forbid.

use checkers::transactions::{Model, Options, UnknownModel, parse_models};

fn model(name: &str) -> Model {
    name.parse().unwrap()
}

#[test]
fn the_names_people_use_and_adyas_mean_the_same() {
    for (friendly, adya) in [
        ("serializable", "PL-3"),
        ("conflict-serializable", "PL-3"),
        ("strict-serializable", "PL-SS"),
        ("strong-serializable", "PL-SS"),
        ("snapshot-isolation", "PL-SI"),
        ("repeatable-read", "PL-2.99"),
        ("read-committed", "PL-2"),
        ("read-uncommitted", "PL-1"),
    ] {
        assert_eq!(model(friendly), model(adya));
    }
    for model in Model::all() {
        assert_eq!(model.to_string().parse(), Ok(model));
    }
    assert_eq!(Model::all().count(), 36);
}

#[test]
fn lists_of_models_are_split_at_any_comma_or_space() {
    let expected = [model("serializable"), model("read-atomic")];
    for text in
        ["serializable,read-atomic", "serializable, read-atomic", " serializable read-atomic,"]
    {
        assert_eq!(parse_models(text).unwrap(), expected);
    }
    let error = parse_models("serializable,sequentil").unwrap_err();
    assert_eq!(error, UnknownModel { name: "sequentil".to_owned() });
    assert!(error.to_string().contains("\"sequentil\"; known are 1SR, PRAM, causal, "));
    assert!(error.to_string().contains("strong-snapshot-isolation"));
}

/// Chains out of Adya's and Bailis's figures.
#[test]
fn stronger_models_imply_weaker_ones() {
    for chain in [
        "strict-serializable strong-session-serializable serializable snapshot-isolation forward-consistent-view consistent-view cursor-stability read-committed read-uncommitted",
        "serializable repeatable-read monotonic-atomic-view read-committed",
        "snapshot-isolation parallel-snapshot-isolation causal-cerone read-atomic monotonic-atomic-view",
        "strict-serializable linearizable sequential causal PRAM read-your-writes",
        "strict-serializable strong-snapshot-isolation strong-session-snapshot-isolation snapshot-isolation",
    ] {
        let chain: Vec<Model> = chain.split(' ').map(model).collect();
        for (place, &stronger) in chain.iter().enumerate() {
            for &weaker in &chain[place..] {
                assert!(stronger.implies(weaker), "{stronger} {weaker}");
                assert!(stronger == weaker || !weaker.implies(stronger), "{stronger} {weaker}");
            }
        }
    }
    assert!(!model("repeatable-read").implies(model("snapshot-isolation")));
    assert!(!model("snapshot-isolation").implies(model("repeatable-read")));
}

#[test]
fn strict_serializability_is_asked_for_by_default() {
    assert_eq!(Options::default().models, [model("strict-serializable")]);
}
