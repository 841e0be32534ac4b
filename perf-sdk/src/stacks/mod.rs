//! Samples the stacks of running threads: all code that takes CPU time, annotated or not.
//!
//! | file | job |
//! |---|---|
//! | `linux/` | the sampler: signals by CPU time, the handler, unwinding, loaded images |
//! | `unsupported` | its replacement on other systems |
//! | `pprof_backend/` | the pprof crate instead of the sampler |
//! | `backend`, `process_sampler` | which of the two samples, and the one of this process |
//! | `sampling_thread` | the thread that samples |
//! | `demand`, `wall_request`, `rates` | requests for samples: which threads, and how often |
//! | `readings`, `unavailable` | the state of the sampler; why there is none |
//! | `engine` | the engines that signal a thread |
//! | `recorder_hooks` | callbacks into the recorder |
//! | `ring`, `sample` | the samples that a handler writes, and their form when read |
//! | `stack_table`, `stack_counts` | how often each stack was seen; a copy of that |
//! | `recent` | the samples of the last minutes, one by one |
//! | `totals`, `picture`, `handler_times` | sums; all results at one moment; durations of handlers |
//! | `image` | loaded executables and libraries |
//! | `unwind_tables`, `debug_frame` | their unwind tables; those that are in the file only |
//! | `symbols`, `debug_information` | from addresses to functions; inlined calls and lines |
//! | `function_name`, `name_cache` | names as they are shown; cached names |
//! | `allowance` | how much CPU time reading them may take |
//! | `elf`, `section`, `plain_file` | object files, read piece by piece |
//! | `metered_reader` | debug information, read within limits |
//! | `fuzz` | parsers that the fuzz targets call |

// Without a sampler, its tables are not filled.
#![cfg_attr(
    not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))),
    allow(dead_code)
)]

// Systems on which threads can be sampled.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
pub(crate) mod linux;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
#[path = "unsupported.rs"]
mod linux;

mod allowance;
mod backend;
mod debug_frame;
mod debug_information;
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
#[cfg_attr(not(feature = "flight"), allow(dead_code))]
mod recent;
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
#[cfg(feature = "flight")]
pub(crate) use readings::recent;
pub(crate) use readings::{Sums, picture, state, sums};
#[cfg(feature = "flight")]
pub(crate) use recent::{RecentPicture, Timed};
pub(crate) use recorder_hooks::Host;
pub(crate) use sampling_thread::start;
pub(crate) use stack_counts::{Key, Seen, Stacks};
pub(crate) use symbols::{read_debug_files, resolve};
pub(crate) use wall_request::Wish;
