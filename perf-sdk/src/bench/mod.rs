//! Operations whose cost a gate compares between two versions of a program.
//!
//! A program with [`Bench`] says what is measured. The command `perf-sdk check` runs two versions
//! of it, or one and a baseline file, and fails where an operation costs more: by exact counts, by
//! instructions, by time. `docs/gate.md` says how it judges.
//!
//! ```
//! use std::process::ExitCode;
//!
//! use perf_sdk::bench::Bench;
//!
//! #[global_allocator]
//! static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();
//!
//! #[perf_sdk::profiled]
//! fn letter(guest: &str) -> String {
//!     format!("Dear {guest},")
//! }
//!
//! fn main() -> ExitCode { // of a `[[bench]]` with `harness = false`
//!     let mut bench = Bench::new();
//!     bench.operation("a letter", || letter("Ada"));
//!     bench.run()
//! }
//! ```
//!
//! | file | job |
//! |---|---|
//! | `operations` | [`Bench`]: the operations of a program |
//! | `request`, `answer` | what the command asks a program for, and what it answers |
//! | `counting` | exact counts: calls, allocations, bytes |
//! | `instructions` | one function around the operation, at which callgrind counts |
//! | `paths` | who called whom within an operation |
//! | `timing` | batches of operations, timed |

mod answer;
mod counting;
mod instructions;
mod operations;
mod paths;
mod request;
mod timing;

#[doc(hidden)]
pub use answer::{Answer, Counts, PathCounts, PathTime, Times};
#[doc(hidden)]
pub use instructions::COUNTED;
pub use operations::Bench;
#[doc(hidden)]
pub use request::{REQUEST, Request, Task, VERSION};
