//! The kinds of items.

use std::fmt;
use std::str::FromStr;

/// The kind of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Kind {
    Fn,
    Struct,
    Enum,
    Union,
    Trait,
    Impl,
    Type,
    Const,
    Static,
    Macro,
}

impl Kind {
    pub(crate) const ALL: [(Self, &'static str); 10] = [
        (Self::Fn, "fn"),
        (Self::Struct, "struct"),
        (Self::Enum, "enum"),
        (Self::Union, "union"),
        (Self::Trait, "trait"),
        (Self::Impl, "impl"),
        (Self::Type, "type"),
        (Self::Const, "const"),
        (Self::Static, "static"),
        (Self::Macro, "macro"),
    ];

    /// The kind with this stored number.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).map(|(kind, _)| *kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL[*self as usize].1)
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind).ok_or(())
    }
}
