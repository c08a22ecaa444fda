//! Histories that are tampered with.

use checkers::{Event, Kind, Op};

use crate::generator::Random;

/// Changes what one completed operation saw, did or became.
pub(crate) fn mutate(random: &mut Random, events: &mut [Event<u64>], values: u64) {
    let completions: Vec<usize> =
        (0..events.len()).filter(|&place| events[place].kind != Kind::Invoke).collect();
    if completions.is_empty() {
        return;
    }
    let place = completions[random.below(completions.len() as u64) as usize];
    let event = &mut events[place];
    match &mut event.op {
        Op::Read { value, .. } if event.kind == Kind::Ok => {
            let other = random.below(values + 1);
            *value = Some((other < values).then_some(other));
        }
        Op::Read { .. } => {}
        // What failed happened, or the other way round.
        _ => event.kind = if event.kind == Kind::Fail { Kind::Ok } else { Kind::Fail },
    }
}
