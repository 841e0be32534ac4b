//! What the macros name.

/// A scope's name: checked to be a constant text, and dropped.
pub type Name = &'static str;
