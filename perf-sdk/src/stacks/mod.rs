//! Samples the stacks of threads that run: what takes CPU time, whether anybody annotated it or
//! not.
//!
//! | file | job |
//! |---|---|
//! | `linux/` | the sampler: signals by CPU time, the handler, unwinding, what is loaded |
//! | `unsupported` | what stands in its place on other systems |
//! | `pprof_backend/` | the pprof crate in the sampler's place |
//! | `backend`, `process_sampler` | who of the two samples, and the one of this process |
//! | `sampling_thread` | the thread that samples |
//! | `demand`, `wall_request`, `rates` | who wants samples, of which threads, how often |
//! | `readings`, `unavailable` | what the sampler says of itself; why there is none |
//! | `engine` | the ways to signal a thread by its CPU time |
//! | `recorder_hooks` | callbacks into the recorder |
//! | `ring`, `sample` | what a handler writes, and what is read of it |
//! | `stack_table`, `stack_counts` | how often each stack was seen; a copy of that at one moment |
//! | `totals`, `picture`, `handler_times` | sums, and all that was found, at one moment; how long handlers took |
//! | `image` | what is loaded |
//! | `unwind_tables`, `debug_frame` | its unwind tables; those that are in a file only |
//! | `symbols`, `function_name`, `name_cache` | addresses to functions, and those that are known already |
//! | `elf`, `section`, `plain_file` | object files, read piece by piece |
//! | `metered_reader` | debug information, read within limits |
//! | `fuzz` | readers that the fuzz targets call |

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
mod handler_times;
mod image;
mod metered_reader;
mod name_cache;
mod picture;
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
mod stack_counts;
mod stack_table;
mod symbols;
mod totals;
mod unavailable;
mod unwind_tables;
mod wall_request;

pub(crate) use demand::{WallWanted, Wanted, want, want_wall};
pub(crate) use engine::{Engine, Rules};
pub(crate) use image::{Image, holding};
pub(crate) use picture::{Picture, WallPicture};
#[cfg(feature = "serve")]
pub(crate) use rates::MAX_HZ;
pub(crate) use rates::MAX_WALL_HZ;
#[cfg(feature = "serve")]
pub(crate) use rates::USUAL_HZ;
#[cfg(feature = "push")]
pub(crate) use readings::always_hz;
#[cfg(feature = "heap")]
pub(crate) use readings::images;
pub(crate) use readings::{Sums, picture, state, sums};
pub(crate) use recorder_hooks::Host;
pub(crate) use sampling_thread::start;
pub(crate) use stack_counts::{Key, Seen, Stacks};
pub(crate) use symbols::resolve;
pub(crate) use wall_request::Wish;
