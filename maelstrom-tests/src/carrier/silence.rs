//! Why a node may not have answered, in words.

/// What has probably happened to a node that lives and has not answered: whether it wrote lines, what was
/// wrong with the first that was wrong, and how much of what it was sent it has not read.
pub(super) fn why_silent(has_spoken: bool, flaw: Option<&str>, unread: u64) -> String {
    if let Some(flaw) = flaw {
        return flaw.to_owned();
    }
    if unread > 0 {
        return "it has not read all that it was sent: it computes, sleeps, or waits for something else, such \
                as the end of its input"
            .to_owned();
    }
    if has_spoken {
        return "it wrote lines, but none of them answers; does the reply have the `msg_id` of its request \
                as `in_reply_to`?"
            .to_owned();
    }
    "it has read what it was sent and wrote nothing; does it flush stdout after each line (in Python: \
     print(..., flush=True))? Many languages keep what is printed in a buffer when stdout is a pipe"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_said_before_what_is_likely() {
        let flaw = "line 1 on its stdout is no message";
        assert_eq!(why_silent(true, Some(flaw), 9), flaw);
        assert!(why_silent(true, None, 9).contains("has not read all"));
        assert!(why_silent(true, None, 0).contains("none of them answers"));
        assert!(why_silent(false, None, 0).contains("flush=True"));
    }
}
