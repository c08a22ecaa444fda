//! What a node asks of a service, read as leniently as Maelstrom's services read it: a field that is
//! missing is null, and a request of an unknown type is no request at all.

use std::borrow::Cow;

use proto::service::ServiceRequest;
use proto::{Json, MessageId};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The fields of all requests.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    msg_id: Option<&'a RawValue>,
    key: Option<Json>,
    value: Option<Json>,
    from: Option<Json>,
    to: Option<Json>,
    create_if_not_exists: Option<Json>,
}

/// Reads the body of a message to a service. Nothing if the message is to be left unanswered: its
/// type is unknown, or it has no number that an answer could name.
pub fn read_request(body: &str) -> Option<(MessageId, ServiceRequest)> {
    let body: Body<'_> = serde_json::from_str(body).ok()?;
    let msg_id = serde_json::from_str(body.msg_id?.get()).ok()?;
    let or_null = |field: Option<Json>| field.unwrap_or_else(Json::null);
    // As in Clojure, everything is true but null and false.
    let is_true = |field: Option<Json>| {
        field.is_some_and(|field| !matches!(&*field.text(), "null" | "false"))
    };
    let key = or_null(body.key);
    let request = match &*body.kind {
        "read" => ServiceRequest::Read { key },
        "write" => ServiceRequest::Write { key, value: or_null(body.value) },
        "cas" => ServiceRequest::Cas {
            key,
            from: or_null(body.from),
            to: or_null(body.to),
            create_if_not_exists: is_true(body.create_if_not_exists),
        },
        "ts" => ServiceRequest::Ts,
        _ => return None,
    };
    Some((msg_id, request))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_fields_are_null_and_unknown_types_are_nothing() {
        let (null, one) = (Json::null, || Json::from(1));
        let cases = [
            (r#"{"type":"read","msg_id":1}"#, Some(ServiceRequest::Read { key: null() })),
            (
                r#"{"msg_id":1,"key":1,"type":"write","more":[]}"#,
                Some(ServiceRequest::Write { key: one(), value: null() }),
            ),
            (
                r#"{"type":"cas","msg_id":1,"key":1,"to":1,"create_if_not_exists":0}"#,
                Some(ServiceRequest::Cas {
                    key: one(),
                    from: null(),
                    to: one(),
                    create_if_not_exists: true,
                }),
            ),
            (
                r#"{"type":"cas","msg_id":1,"create_if_not_exists":false}"#,
                Some(ServiceRequest::Cas {
                    key: null(),
                    from: null(),
                    to: null(),
                    create_if_not_exists: false,
                }),
            ),
            (r#"{"type":"ts","msg_id":1}"#, Some(ServiceRequest::Ts)),
            (r#"{"type":"swap","msg_id":1,"key":1}"#, None),
            (r#"{"type":"read","key":1}"#, None),
            (r#"{"key":1,"msg_id":1}"#, None),
            ("[]", None),
        ];
        for (body, expected) in cases {
            let expected = expected.map(|request| (MessageId(1), request));
            assert_eq!(read_request(body), expected, "{body}");
        }
    }
}
