//! Samples the stacks of threads that run: what takes CPU time, whether anybody annotated it or not.
//!
//! | file | job |
//! |---|---|
//! | `engine` | the ways to signal a thread by its CPU time |
//! | `slot`, `ring` | what a signal handler knows of its thread, and writes |
//! | `gate` | lets a slot pass from thread to thread |
//! | `walkers` | the unwinder in force, and what walks remember |
//! | `lent` | alternate signal stacks of threads that are not sampled any more |
//! | `image` | what is loaded |
//! | `unwind`, `unwind_tables` | from registers to callers, by the tables of what is loaded |
//! | `described`, `debug_frame` | which code tables describe; those that are in a file only |
//! | `signalled` | one thread that is signalled |
//! | `recorder_hooks`, `unavailable` | callbacks into the recorder; why there are no samples |
//! | `unsupported` | what stands in the place of `linux/` on other systems |
//! | `times` | how long handlers take |
//! | `sampler` | has threads signalled, reads their rings |
//! | `quiet` | whether a look would find anything |
//! | `unseen` | whether samples come while the program runs |
//! | `totals` | what it has found, at one moment |
//! | `table` | how often each stack was seen |
//! | `wall`, `wish` | wall time, while somebody wants it |
//! | `symbols` | addresses to functions |
//! | `elf`, `section`, `plain_file` | object files, read piece by piece |
//! | `metered` | debug information, read within limits |
//! | `pprof_backend/` | the pprof crate in the sampler's place |
//! | `backend` | who of the two samples |
//! | `process_sampler` | the sampler of this process |
//! | `sampling_thread` | the thread that samples |
//! | `demand`, `rates` | who wants samples, and how often they are taken |
//! | `readings` | what the sampler says of itself, and what it has found |
//! | `linux/` | leaves: timers, perf events, the signal handler, what is loaded |

// Without a sampler nobody fills its tables.
#![cfg_attr(
    not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))),
    allow(dead_code)
)]

// Where threads can be sampled.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
pub(crate) mod linux;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
#[path = "unsupported.rs"]
mod linux;

mod backend;
mod debug_frame;
mod demand;
mod elf;
mod engine;
mod function_name;
#[cfg(any(test, perf_fuzz))]
pub(crate) mod fuzz;
mod image;
mod known;
mod metered;
mod plain_file;
#[cfg(feature = "pprof")]
mod pprof_backend;
mod process_sampler;
mod rates;
mod readings;
mod recorder_hooks;
mod ring;
mod sample;
mod sampling_thread;
mod section;
mod seen;
mod symbols;
mod table;
mod times;
mod totals;
mod unavailable;
mod unwind_tables;
mod wish;

pub(crate) use demand::{WallWanted, Wanted, want, want_wall};
pub(crate) use engine::{Engine, Rules};
pub(crate) use image::{Image, holding};
#[cfg(feature = "serve")]
pub(crate) use rates::MAX_HZ;
pub(crate) use rates::{MAX_WALL_HZ, USUAL_HZ};
#[cfg(feature = "push")]
pub(crate) use readings::always_hz;
#[cfg(feature = "heap")]
pub(crate) use readings::images;
pub(crate) use readings::{Sums, picture, state, sums};
pub(crate) use recorder_hooks::Host;
pub(crate) use sampling_thread::start;
pub(crate) use seen::{Key, Seen, Stacks};
pub(crate) use symbols::resolve;
pub(crate) use totals::{Picture, WallPicture};
pub(crate) use wish::Wish;
