//! The files of a control group.

use std::path::PathBuf;

use crate::monitor::file::{Buffer, Source};
use crate::monitor::text::{NOT_UNDERSTOOD, number, single};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::monitor) enum Version {
    One,
    Two,
}

/// A group of one controller: its folder, and the version of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::monitor) struct Group {
    pub(in crate::monitor) version: Version,
    pub(in crate::monitor) folder: PathBuf,
}

impl Group {
    pub(super) fn file(&self, name: &str) -> Source {
        Source::whole(&self.folder, name)
    }
}

/// A limit is read every so many turns, since it hardly ever changes.
const EVERY: u32 = 10;

/// What a file with limits says.
#[derive(Debug)]
pub(super) struct Limits<T> {
    source: Source,
    /// What was read last, and the turns for which it counts.
    known: Option<(T, u32)>,
}

impl<T: Copy> Limits<T> {
    pub(super) fn of(source: Source) -> Self {
        Self { source, known: None }
    }

    pub(super) fn read(&mut self, buffer: &mut Buffer, read: impl FnOnce(&mut Source, &mut Buffer) -> T) -> T {
        let (limits, turns) = match self.known {
            Some((limits, turns)) if turns > 0 => (limits, turns - 1),
            _ => (read(&mut self.source, buffer), EVERY - 1),
        };
        self.known = Some((limits, turns));
        limits
    }
}

/// A number, or why there is none.
pub(super) type Found = Result<f64, &'static str>;

/// A limit that is the only number in its file.
pub(super) type Limit = Limits<Found>;

/// The reason where a limit could be set.
pub(super) const UNLIMITED: &str = "no limit is set";

/// A file with one number.
pub(super) fn read_number(source: &mut Source, buffer: &mut Buffer) -> Found {
    let word = single(source.read(buffer)?).ok_or(NOT_UNDERSTOOD)?;
    if word == b"max" || word == b"-1" {
        return Err(UNLIMITED);
    }
    number(word).map(|number| number as f64).ok_or(NOT_UNDERSTOOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_changes_is_known_after_ten_turns() {
        let mut limit = Limits::of(Source::whole(&PathBuf::new(), "unused"));
        let mut buffer = Buffer::default();
        let seen: Vec<u32> = (0..21).map(|turn| limit.read(&mut buffer, |_, _| turn)).collect();
        assert_eq!(seen, [[0; 10], [10; 10]].concat().into_iter().chain([20]).collect::<Vec<_>>());
    }
}
