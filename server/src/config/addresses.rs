//! Addresses to listen on: a list, or one text for a list of one.

use std::net::SocketAddr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

pub(super) fn serialize<S: Serializer>(addresses: &[SocketAddr], serializer: S) -> Result<S::Ok, S::Error> {
    match addresses {
        [one] => one.serialize(serializer),
        many => many.serialize(serializer),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SocketAddr>, D::Error> {
    let texts = match OneOrMany::deserialize(deserializer) {
        Ok(OneOrMany::One(text)) => vec![text],
        Ok(OneOrMany::Many(texts)) => texts,
        Err(_) => return Err(D::Error::custom("ADDRESS:PORT is wanted, or a list of that")),
    };
    if texts.is_empty() {
        return Err(D::Error::custom("there is no address to listen on"));
    }
    let address = |text: &String| {
        text.parse()
            .map_err(|_| D::Error::custom(format_args!("{text:?} is no ADDRESS:PORT, such as [::]:8080")))
    };
    texts.iter().map(address).collect()
}
