//! A table of strings, each once.

use std::collections::HashMap;

#[cfg(feature = "enabled")]
use serde::{Serialize, Serializer};

/// Strings by number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Strings {
    all: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Strings {
    /// Number 0 is the empty string.
    pub(super) fn new() -> Self {
        let mut strings = Self::default();
        strings.number("");
        strings
    }

    /// The number of a string, which is added if it is new.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.all.len() as u32;
        self.all.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    #[cfg(test)]
    pub(super) fn text(&self, number: u32) -> &str {
        &self.all[number as usize]
    }
}

/// As a list.
#[cfg(feature = "enabled")]
impl Serialize for Strings {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(to)
    }
}
