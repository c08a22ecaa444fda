//! The network as one object, as those use it who run real processes on it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use proto::{AnyBody, AnyMessage, Error, ErrorCode, Message, MessageId, NodeId, Payload, Time};
use simulator::{Care, Endpoint, Fabric, Fate, Happening, NetworkOptions, Unsent};

const LATENCY: Duration = Duration::from_millis(10);

/// Two nodes, and a client `c9` that has asked the first one something.
fn fabric() -> Fabric {
    let options = NetworkOptions { latency: LATENCY, ..NetworkOptions::default() };
    let mut fabric = Fabric::new(["n1", "n2"].map(NodeId::new).into(), options, 1);
    fabric.request(Time::ZERO, &NodeId::new("c9"), 0, r#"{"type":"x"}"#.into());
    fabric.poll(Time::ZERO);
    fabric
}

fn message(src: &str, dest: &str) -> AnyMessage {
    Message {
        src: NodeId::new(src),
        dest: NodeId::new(dest),
        msg_id: None,
        in_reply_to: None,
        payload: Payload::Body(AnyBody::Text(r#"{"type":"y"}"#.into())),
    }
}

#[test]
fn a_message_comes_out_when_its_time_has_come() {
    let mut fabric = fabric();
    assert_eq!(fabric.send(Time::ZERO, message("n1", "n2"), Care::AsUsual), Ok(()));
    // Its envelope is counted as 256 bytes.
    assert_eq!((fabric.in_flight().messages, fabric.in_flight().bytes), (1, 256 + 12));
    assert!(fabric.poll(Time::ZERO).is_none());
    let (time, happening) = fabric.poll(Time::ZERO + LATENCY).expect("it is due");
    let Happening::AtNode(1, parcel) = happening else { panic!("{happening:?}") };
    assert_eq!(
        (time, parcel.from(), parcel.to()),
        (Time::ZERO + LATENCY, Endpoint::Node(0), Endpoint::Node(1))
    );
    assert_eq!((fabric.in_flight().messages, fabric.in_flight().bytes), (0, 0));
    // No latency for what cannot be late, nor for clients.
    for (dest, care) in [("n2", Care::Safe), ("c9", Care::AsUsual)] {
        assert_eq!(fabric.send(time, message("n1", dest), care), Ok(()));
        assert!(fabric.poll(time).is_some(), "{dest}");
    }
}

#[test]
fn whatever_reaches_a_client_is_text() {
    let mut fabric = fabric();
    let error = Payload::Error(Error::new(ErrorCode::Abort, "no"));
    let refusal =
        Message { payload: error, in_reply_to: Some(MessageId(4)), ..message("n1", "c9") };
    assert_eq!(fabric.send(Time::ZERO, refusal, Care::AsUsual), Ok(()));
    let (_, happening) = fabric.poll(Time::ZERO).expect("clients hear at once");
    let Happening::AtClient(heard) = happening else { panic!("{happening:?}") };
    let Payload::Body(AnyBody::Text(text)) = heard.payload else { panic!("{heard:?}") };
    assert_eq!(&*text, r#"{"type":"error","code":14,"text":"no","in_reply_to":4}"#);
}

#[test]
fn who_is_unknown_sends_and_gets_nothing() {
    let mut fabric = fabric();
    let mut send = |src, dest| fabric.send(Time::ZERO, message(src, dest), Care::AsUsual);
    assert_eq!(send("n1", "n3"), Err(Unsent::NoReceiver));
    assert_eq!(send("n3", "n1"), Err(Unsent::NoSender));
    assert_eq!(fabric.next_time(), None);
    assert_eq!(fabric.network().statistics().lost.no_receiver, 2);
}

#[test]
fn without_room_only_what_arrives_at_once_is_taken() {
    let mut fabric = fabric().with_room(300);
    let now = Time::ZERO;
    let mut send = |dest| fabric.send(now, message("n1", dest), Care::AsUsual);
    // A message counts 256 bytes and its body: two of them are more than there is room for.
    assert_eq!((send("n2"), send("n2")), (Ok(()), Ok(())));
    assert_eq!((send("n2"), send("c9")), (Err(Unsent::NoRoom), Ok(())));
    assert_eq!((fabric.in_flight().messages, fabric.network().statistics().lost.at_random), (3, 1));
}

#[test]
fn messages_are_numbered_from_zero_and_counted_when_they_arrive() {
    let mut fabric = fabric();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&seen);
    fabric.observe(move |observed| sink.borrow_mut().push((observed.number, observed.fate)));
    for _ in 0..2 {
        fabric.send(Time::ZERO, message("n1", "n2"), Care::AsUsual).expect("both are known");
    }
    while let Some((time, Happening::AtNode(_, parcel))) = fabric.poll(Time::ZERO + LATENCY) {
        assert!(fabric.enters(time, &parcel));
        fabric.received(time, &parcel);
    }
    // The client's request was number 0.
    let expected = [(1, Fate::Sent), (2, Fate::Sent), (1, Fate::Received), (2, Fate::Received)];
    assert_eq!(*seen.borrow(), expected);
    let servers = fabric.network().statistics().servers;
    assert_eq!((servers.send_count, servers.recv_count), (2, 2));
}
