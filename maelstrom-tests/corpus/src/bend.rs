//! Changes at the edge of a node of this project ([`proto::Edge`]), in terms of what stands on the wire
//! and on disk.

use proto::service::{ServiceReply, ServiceRequest};
use proto::{AnyBody, AnyMessage, Edge, Effect, Payload, Write, body_text};
use serde_json::Value;

/// Changes the body of each message of a type that leaves.
pub fn leaving(effects: &mut [Effect<AnyBody>], kind: &str, change: impl Fn(&mut Value)) {
    for effect in effects {
        if let Effect::Send(message) = effect {
            body(message, kind, &change);
        }
    }
}

/// Changes the body of a message, if it is of this type.
pub fn body(message: &mut AnyMessage, kind: &str, change: impl Fn(&mut Value)) {
    if !matches!(message.payload, Payload::Body(_)) {
        return;
    }
    let Ok(text) = body_text(message) else { return };
    // Reading all of them as JSON takes longer than everything else.
    if !text.contains(kind) {
        return;
    }
    let Ok(mut value) = serde_json::from_str::<Value>(&text) else { return };
    if value["type"] == kind {
        change(&mut value);
        message.payload = Payload::Body(AnyBody::Text(value.to_string().into()));
    }
}

/// Drops each record that is put under a key of which this holds.
pub fn lose_records(effects: &mut Vec<Effect<AnyBody>>, is_lost: impl Fn(&[u8]) -> bool) {
    effects.retain(|effect| match effect {
        Effect::Persist(Write::Put { key, .. }) => !is_lost(key),
        _ => true,
    });
}

/// Has each compare-and-set that a node asks of a service be a write.
pub struct WriteForCas;

impl Edge for WriteForCas {
    /// The answer to a write is the answer to the compare-and-set in whose place it was made.
    fn enter(&mut self, mut message: AnyMessage, inward: &mut Vec<AnyMessage>) {
        if let Payload::ServiceReply(reply) = &mut message.payload
            && *reply == ServiceReply::WriteOk
        {
            *reply = ServiceReply::CasOk;
        }
        inward.push(message);
    }

    fn leave(&mut self, effects: &mut Vec<Effect<AnyBody>>) {
        for effect in effects {
            if let Effect::Send(message) = effect
                && let Payload::ServiceRequest(request) = &mut message.payload
                && let ServiceRequest::Cas { key, to, .. } = &**request
            {
                let (key, value) = (key.clone(), to.clone());
                **request = ServiceRequest::Write { key, value };
            }
        }
    }
}
