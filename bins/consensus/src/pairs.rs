//! A map with keys of any JSON as a list of pairs, for serde's `with`.

use std::collections::BTreeMap;

use proto::Json;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn serialize<S: Serializer, V: Serialize>(
    map: &BTreeMap<Json, V>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(map)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>, V: DeserializeOwned>(
    deserializer: D,
) -> Result<BTreeMap<Json, V>, D::Error> {
    Vec::<(Json, V)>::deserialize(deserializer).map(|pairs| pairs.into_iter().collect())
}
