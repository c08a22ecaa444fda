use super::*;
use crate::workload::registry::named;
use crate::world::testing::Silent;

/// An operator before two nodes.
struct Shown(Operator, Silent);

impl Shown {
    fn new() -> Self {
        Self(Operator::new(&Options::new(named("lin-kv")).with_nodes(2)), Silent::default())
    }

    /// What the operator asks for so long after the last time, if anything.
    fn asks_after(&mut self, pause: Duration) -> Option<(String, MessageId)> {
        self.1.now = self.1.now + pause;
        self.1.heard.clear();
        self.0.act(&mut self.1, || NodeId::new("c9"));
        let body: Value = serde_json::from_str(&self.1.heard.pop()?).unwrap();
        assert_eq!(body["node_id"], "n0");
        Some((body["type"].as_str().unwrap().into(), MessageId(body["msg_id"].as_u64().unwrap())))
    }

    fn answer(&mut self, request: &(String, MessageId)) {
        let body = json!({"type": format!("{}_ok", request.0), "in_reply_to": request.1.0});
        let reply = Reply {
            node: NodeId::new("n1"),
            client: NodeId::new("c9"),
            in_reply_to: Some(request.1),
            body: body.to_string(),
        };
        assert!(self.0.take(self.1.now, &self.1, &reply).is_some(), "it is for the operator");
    }

    /// A removal is given up, and the addition after it is answered at once.
    fn given_up() -> (Self, (String, MessageId)) {
        let mut shown = Self::new();
        shown.0.remove(&[0]);
        let removal = shown.asks_after(Duration::ZERO).unwrap();
        assert_eq!(removal.0, "remove_member");
        shown.0.add_all();
        let addition = shown.asks_after(PATIENCE).unwrap();
        assert_eq!(addition.0, "add_member");
        shown.answer(&addition);
        assert!(shown.0.is_done());
        (shown, removal)
    }
}

#[test]
fn who_is_removed_by_a_request_that_was_given_up_is_added_again() {
    let (mut shown, removal) = Shown::given_up();
    assert_eq!(shown.asks_after(PAUSE), None);
    shown.answer(&removal);
    assert!(!shown.0.is_done());
    let again = shown.asks_after(PAUSE).unwrap();
    assert_eq!(again.0, "add_member");
    shown.answer(&again);
    assert!(shown.0.is_done());
}

#[test]
fn once_all_is_healed_it_asks_again_about_whom_a_request_without_an_answer_may_have_removed() {
    let (mut shown, _) = Shown::given_up();
    shown.0.check_again(shown.1.now);
    assert!(!shown.0.is_done());
    assert_eq!(shown.asks_after(ECHO / 2), None, "what was given up may be on its way");
    let again = shown.asks_after(ECHO).unwrap();
    assert_eq!(again.0, "add_member");
    shown.answer(&again);
    shown.0.check_again(shown.1.now);
    assert!(shown.0.is_done(), "once is enough");
}
