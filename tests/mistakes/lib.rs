//! Mistakes in the use of `#[profiled]`: see `tests/mistakes.rs`.
