//! A small number for each instrument, by which its uses are attributed to functions.

use std::sync::OnceLock;

use super::kind::Kind;

/// The maximum number of instruments of one kind. The last one stands for all that have no place of
/// their own.
pub(crate) const MOST: usize = 64;

/// The name of the last one.
pub(crate) const OTHER: &str = "(other)";

const KINDS: usize = Kind::ALL.len();

static NAMES: [[OnceLock<&'static str>; MOST]; KINDS] = [const { [const { OnceLock::new() }; MOST] }; KINDS];

/// An instrument, by its kind and its place among those of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tag(u32);

impl Tag {
    /// Names the place. A place that has a name keeps it.
    pub(super) fn new(kind: Kind, place: usize, name: &'static str) -> Self {
        let place = place.min(MOST - 1);
        let _ = NAMES[kind as usize][place].set(name);
        Self((kind as usize * MOST + place) as u32)
    }

    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// The tag with this number. `None` if no instrument has it.
    pub(super) fn of_number(number: u32) -> Option<(Kind, &'static str)> {
        let at = number as usize;
        Some((*Kind::ALL.get(at / MOST)?, NAMES[at / MOST][at % MOST].get()?))
    }
}
