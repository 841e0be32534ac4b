//! Fuzzing of a server's response.

use super::answer::{self, Answer, HEAD_BYTES, Head};

/// Parses it as a client does that receives it in two parts.
pub(crate) fn answer(bytes: &[u8]) {
    for length in [bytes.len() / 2, bytes.len()] {
        match answer::head(&bytes[..length]) {
            Head::Complete(Answer { body, .. }) => {
                assert!(body <= length && answer::words(&bytes[body..length]).chars().count() <= 200);
            }
            Head::Partial => assert!(length <= 3 * HEAD_BYTES, "a client reads no more than that"),
            Head::Nonsense => {}
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(target) = text.parse::<crate::settings::PushServer>()
    {
        let again = target.to_string().parse().expect("an address that was read");
        assert_eq!(target, again);
    }
}
