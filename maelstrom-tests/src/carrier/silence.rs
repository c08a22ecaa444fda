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
    "it has read what it was sent and wrote no whole line; does it end each message with a newline, and flush \
     stdout after it (in Python: print(..., flush=True))? Many languages keep what is printed in a buffer when \
     stdout is a pipe"
        .to_owned()
}

/// What shows of a node that runs and does not answer its clients: an answer that went to the wrong node,
/// what its stderr says went wrong, and how much of what it was sent it has not read.
pub(super) fn hint_at_silence(
    misdirected: Option<&str>,
    complaint: Option<&str>,
    unread: u64,
) -> Option<String> {
    if let Some(misdirected) = misdirected {
        return Some(misdirected.to_owned());
    }
    if let Some(complaint) = complaint {
        return Some(format!("on stderr it says: {complaint}"));
    }
    (unread > 0).then(|| {
        "it has not read all that it was sent; does it wait for the answer to a request of its own in the \
         loop or thread that would have to read it?"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_went_elsewhere_says_more_than_stderr_and_that_more_than_unread_input() {
        assert_eq!(hint_at_silence(Some("a"), Some("b"), 9).as_deref(), Some("a"));
        let said = hint_at_silence(None, Some("KeyError: 'a'"), 9);
        assert_eq!(said.as_deref(), Some("on stderr it says: KeyError: 'a'"));
        assert!(hint_at_silence(None, None, 9).is_some_and(|hint| hint.contains("does it wait")));
        assert_eq!(hint_at_silence(None, None, 0), None);
    }

    #[test]
    fn what_is_known_is_said_before_what_is_likely() {
        let flaw = "line 1 on its stdout is no message";
        assert_eq!(why_silent(true, Some(flaw), 9), flaw);
        assert!(why_silent(true, None, 9).contains("has not read all"));
        assert!(why_silent(true, None, 0).contains("none of them answers"));
        // Half a line looks from outside like one that was not flushed.
        let said = why_silent(false, None, 0);
        assert!(said.contains("with a newline") && said.contains("flush=True"), "{said}");
    }
}
