//! The items that generated code names.

/// A scope's name: checked to be a constant text, and dropped.
pub type Name = &'static str;
