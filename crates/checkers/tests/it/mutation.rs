//! Histories that are tampered with.

use checkers::linearizable::RegisterOp;
use checkers::{Event, Kind};

use crate::generator::Random;

/// Changes what one completed operation saw, did or became.
pub(crate) fn mutate(random: &mut Random, events: &mut [Event<RegisterOp<u64>>], values: u64) {
    let completions: Vec<usize> =
        (0..events.len()).filter(|&place| events[place].kind != Kind::Invoke).collect();
    if completions.is_empty() {
        return;
    }
    let place = completions[random.below(completions.len() as u64) as usize];
    let event = &mut events[place];
    let kind = event.kind;
    match event.op_mut().unwrap() {
        RegisterOp::Read { value, .. } if kind == Kind::Ok => {
            let other = random.below(values + 1);
            *value = Some((other < values).then_some(other));
        }
        RegisterOp::Read { .. } => {}
        // What failed happened, or the other way round.
        _ => event.kind = if event.kind == Kind::Fail { Kind::Ok } else { Kind::Fail },
    }
}
