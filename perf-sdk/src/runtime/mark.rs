//! Marks of the program in the history.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::event::{self, Event, Mark};
use crate::export::safe;
use crate::history::{self, LONGEST_MARK};
use crate::memory;

/// Notes that something happened, such as a deployment: a line in all charts of the
/// [dashboard](https://github.com/perf-sdk/perf-sdk/blob/main/docs/dashboard.md), an
/// [event](crate::event::Event::Mark), and an entry of the history, which its file keeps too.
///
/// The text is one line of 120 bytes at most; a longer one is cut. The last 128 marks are kept. An
/// empty text is no mark.
///
/// ```
/// # fn main() -> Result<(), perf_sdk::Error> {
/// let perf = perf_sdk::builder().listen("off").report(false).start()?;
/// let mut events = perf.events();
/// perf_sdk::mark("deploy 1.2");
/// let record = events.next().expect("the profiler runs");
/// assert_eq!(record.event.kind(), "mark");
/// # Ok(())
/// # }
/// ```
///
/// **Cost.** Two locks and three allocations. Nothing happens before [`start`](crate::start).
pub fn mark(text: &str) {
    memory::uncounted(|| {
        let text = cut(safe::line(text).trim());
        if text.is_empty() {
            return;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        history::fill(|history| history.mark(now, &text));
        event::emit(|| Event::Mark(Mark { text }));
    });
}

fn cut(text: &str) -> String {
    let end = (0..=text.len().min(LONGEST_MARK)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "ö".repeat(LONGEST_MARK);
        assert_eq!(cut(&long), "ö".repeat(LONGEST_MARK / 2));
        assert_eq!(cut(&format!("x{long}")).len(), LONGEST_MARK - 1);
        assert_eq!((cut("deploy 1.2"), cut("")), ("deploy 1.2".to_owned(), String::new()));
    }
}
