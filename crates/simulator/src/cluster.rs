//! A cluster of nodes of one type, for tests and tools that know it: requests, replies and insides
//! in the node's own types. Underneath it is an [`AnyCluster`] like every other.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use proto::{AnyBody, AnyMessage, AnyNode, Message, MessageId, Node, NodeId, Payload};

use crate::any_cluster::AnyCluster;
use crate::options::ClusterOptions;

/// Something that happened: see [`Cluster::step`].
#[derive(Debug)]
pub struct Step<B> {
    /// The node that handled a message or a timer.
    pub node: Option<usize>,
    /// A message that reached a client.
    pub to_client: Option<Message<Payload<B>>>,
}

/// A cluster whose nodes are all `N`. It can do all that an [`AnyCluster`] can.
pub struct Cluster<N: Node> {
    cluster: AnyCluster,
    node: PhantomData<N>,
}

impl<N: Node + 'static> Cluster<N> {
    /// A cluster whose nodes are made by `make`, each time one starts or restarts. All of them get
    /// `init` at time zero.
    pub fn new(options: ClusterOptions, mut make: impl FnMut(usize) -> N + 'static) -> Self {
        let cluster = AnyCluster::new(options, move |index| AnyNode::new(make(index)));
        Self { cluster, node: PhantomData }
    }

    /// A node's logic, to look into.
    ///
    /// # Panics
    /// Never: all nodes are `N`.
    pub fn node(&self, index: usize) -> &N {
        let insides = self.cluster.insides(index).and_then(|node| node.downcast_ref());
        let Some(node) = insides else { unreachable!("all nodes of this cluster are of one type") };
        node
    }

    /// Sends a client's request to a node.
    pub fn request(&mut self, client: &NodeId, node: usize, msg_id: MessageId, body: N::Body) {
        let message = AnyMessage {
            src: client.clone(),
            dest: self.node_ids()[node].clone(),
            msg_id: Some(msg_id),
            in_reply_to: None,
            payload: Payload::Body(AnyBody::typed(body)),
        };
        // A body that cannot be written is a defect of the node's types, which the node is told.
        let text = proto::body_text(&message).unwrap_or_default();
        self.cluster.request(client, node, text);
    }

    /// Lets the next event happen. Returns nothing when nothing is going to happen any more.
    pub fn step(&mut self) -> Option<Step<N::Body>> {
        let step = self.cluster.step()?;
        let to_client = step.to_client.and_then(|message| proto::recall(message).ok());
        Some(Step { node: step.node, to_client })
    }
}

impl<N: Node> Deref for Cluster<N> {
    type Target = AnyCluster;
    fn deref(&self) -> &AnyCluster {
        &self.cluster
    }
}

impl<N: Node> DerefMut for Cluster<N> {
    fn deref_mut(&mut self) -> &mut AnyCluster {
        &mut self.cluster
    }
}

impl<N: Node> fmt::Debug for Cluster<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("now", &self.now()).finish_non_exhaustive()
    }
}
