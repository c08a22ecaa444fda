//! How clients talk to the identifier in its own types.

use checkers::Op;
use identifier::Identifier;
use identifier::node::Body;
use proto::Json;

use super::Simulated;

impl Simulated for Identifier {
    type Watcher = ();

    fn ask(op: &Op<Json>) -> Option<Body> {
        matches!(op, Op::Generate { .. }).then_some(Body::Generate)
    }

    fn answer(body: Body, op: &mut Op<Json>) -> bool {
        match (body, op) {
            (Body::GenerateOk { id }, Op::Generate { id: got }) => {
                *got = Some(Json::from(id.as_str()));
                true
            }
            _ => false,
        }
    }

    fn watcher(_: usize) {}
}
