//! A node that is a replica and what clients may ask of it. A type of replica says only the latter:
//! its messages, and how each is answered.

use std::fmt::Debug;

use proto::{Arguments, Body, Caller, Context, Either, Error, Node, Records, UsageError};

use super::replica::{Replica, Replicated, Replication, Settings, State, Step};

/// What clients may ask of a replica.
pub trait Serves: Debug + Default + 'static {
    /// What is replicated.
    type State: State;
    /// The messages of clients.
    type Message: Body;

    /// Reads the flag that came last; whether it is one of these nodes' own.
    ///
    /// # Errors
    /// If its value is wrong.
    fn flag(&mut self, flag: &str, arguments: &mut Arguments) -> Result<bool, UsageError> {
        let _ = (flag, arguments);
        Ok(false)
    }

    /// The replica has what it had in an earlier life.
    fn restored(&mut self, state: &Self::State) {
        let _ = state;
    }

    /// A peer has said this, which the replica has not looked at yet.
    fn heard(&mut self, step: &Step<Self::State>) {
        let _ = step;
    }

    /// Serves a client. Nothing, where the message is a reply: such never come as requests.
    ///
    /// # Errors
    /// Why it cannot be served.
    fn serve(
        &mut self,
        replica: &mut Replica<Self::State>,
        from: &Caller,
        message: Self::Message,
        ctx: &mut Context<'_, ReplicaNode<Self>>,
    ) -> Result<Option<Self::Message>, Error>;
}

/// A node whose state is replicated.
#[derive(Debug)]
pub struct ReplicaNode<S: Serves> {
    replica: Replica<S::State>,
    served: S,
}

impl<S: Serves> ReplicaNode<S> {
    /// A node of these arguments.
    ///
    /// # Errors
    /// If they are wrong.
    pub fn from_arguments(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let (mut settings, mut served) = (Settings::default(), S::default());
        while let Some(flag) = arguments.next_flag()? {
            if !served.flag(&flag, arguments)? {
                settings.read(&flag, arguments)?;
            }
        }
        Ok(Self { replica: Replica::new(settings), served })
    }

    /// The replica.
    pub fn replica(&self) -> &Replica<S::State> {
        &self.replica
    }
}

impl<S: Serves> Replicated for ReplicaNode<S> {
    type State = S::State;
    type Message = S::Message;
}

impl<S: Serves> Node for ReplicaNode<S> {
    type Body = Either<S::Message, Replication<S::State>>;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        self.replica.init(&restored, ctx);
        self.served.restored(self.replica.state());
    }

    fn request(&mut self, from: Caller, body: Self::Body, ctx: &mut Context<'_, Self>) {
        if let Some(error) = self.replica.refusal() {
            ctx.reply_error(&from, error.clone());
            return;
        }
        match body {
            Either::Right(Replication::Replicate { step }) => {
                self.served.heard(&step);
                self.replica.receive(&from, step, ctx);
            }
            Either::Left(message) => {
                match self.served.serve(&mut self.replica, &from, message, ctx) {
                    Ok(Some(answer)) => ctx.reply(&from, Either::Left(answer)),
                    Ok(None) => {}
                    Err(error) => ctx.reply_error(&from, error),
                }
            }
        }
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        self.replica.timer(ctx);
    }
}
