//! The latest warnings and errors that the program logged through `tracing`.

use std::collections::VecDeque;

use crate::base::fork::Lock;

/// The number of lines that are kept, and the characters of one.
const MOST_LINES: usize = 1_000;
const MOST_CHARACTERS: usize = 500;

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct LogLine {
    pub(crate) at_unix_ns: u64,
    pub(crate) level: &'static str,
    pub(crate) target: String,
    /// The thread's name, and the profiled function in which it was logged.
    pub(crate) thread: String,
    pub(crate) scope: String,
    /// The message, then the fields.
    pub(crate) text: String,
}

/// Some hundred KiB at most.
static LINES: Lock<VecDeque<LogLine>> = Lock::new(VecDeque::new());

/// Keeps a line. The oldest goes.
pub(crate) fn note(mut line: LogLine) {
    if let Some((end, _)) = line.text.char_indices().nth(MOST_CHARACTERS) {
        line.text.truncate(end);
        line.text.push('…');
    }
    let mut lines = LINES.lock();
    if lines.len() == MOST_LINES {
        lines.pop_front();
    }
    lines.push_back(line);
}

/// The lines since a time, oldest first.
pub(super) fn since(unix_ns: u64) -> Vec<LogLine> {
    LINES.lock().iter().filter(|line| line.at_unix_ns >= unix_ns).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_in_number_and_length() {
        let line = |n: u64| LogLine {
            at_unix_ns: n,
            level: "WARN",
            target: "shop".into(),
            thread: String::new(),
            scope: String::new(),
            text: "ä".repeat(2 * MOST_CHARACTERS),
        };
        (0..MOST_LINES as u64 + 10).for_each(|n| note(line(n)));
        let lines = since(0);
        assert_eq!((lines.len(), lines[0].at_unix_ns), (MOST_LINES, 10));
        assert_eq!(lines[0].text.chars().count(), MOST_CHARACTERS + 1);
        assert_eq!(since(1_005).len(), 5);
    }
}
