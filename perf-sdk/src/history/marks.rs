//! Marks: what the program said at a time, such as a deployment.

use std::collections::VecDeque;

/// Marks that are kept, at most. The oldest go first.
const MOST: usize = 128;
/// Bytes of a text, at most.
pub(crate) const LONGEST_MARK: usize = 120;

/// What the program said, and when, in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) at: u32,
    pub(crate) text: String,
}

/// All marks, the oldest first.
#[derive(Debug)]
pub(super) struct Marks {
    kept: VecDeque<Mark>,
    /// How many of the latest are not in the file yet.
    unwritten: usize,
}

impl Marks {
    /// All memory that they take.
    pub(super) const BYTES: usize = MOST * (size_of::<Mark>() + LONGEST_MARK);

    pub(super) fn new() -> Self {
        Self { kept: VecDeque::with_capacity(MOST), unwritten: 0 }
    }

    /// A text that is longer is cut.
    pub(super) fn add(&mut self, at: u32, text: &str) {
        self.restore(at, text);
        self.unwritten = (self.unwritten + 1).min(MOST);
    }

    /// One from a file.
    pub(super) fn restore(&mut self, at: u32, text: &str) {
        if self.kept.len() == MOST {
            self.kept.pop_front();
        }
        // They stay in their order, whatever the clock says.
        let at = self.kept.back().map_or(at, |latest| at.max(latest.at));
        let end = (0..=text.len().min(LONGEST_MARK)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        self.kept.push_back(Mark { at, text: text[..end].to_owned() });
    }

    /// The clock was set back. A mark was before `now` all the same, so it is moved, not dropped.
    pub(super) fn cut(&mut self, now: u32) {
        self.kept.iter_mut().for_each(|mark| mark.at = mark.at.min(now));
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Mark> {
        self.kept.iter()
    }

    /// Those that are not in the file yet. From now on they are.
    pub(super) fn take_unwritten(&mut self) -> impl Iterator<Item = &Mark> {
        let written = self.kept.len() - std::mem::take(&mut self.unwritten).min(self.kept.len());
        self.kept.range(written..)
    }
}
