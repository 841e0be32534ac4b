//! The page of the guide on instruments, whose Rust code `cargo test --doc` compiles and runs.

#[doc = include_str!("../../../docs/guide/instruments.md")]
mod instruments {}
