//! The sampler, where threads are signalled by their CPU time: on Linux.
//!
//! | file | job |
//! |---|---|
//! | `sampler` | has threads signalled, reads their rings |
//! | `signalled_threads`, `signalled_thread` | the threads that are signalled, and one of them |
//! | `wall_time` | where threads are, whether they run or not, while somebody wants it |
//! | `idleness` | whether a look would find anything |
//! | `missing_samples` | whether samples come while the program runs |
//! | `handler`, `signal` | the signal handler, and its signal |
//! | `slot`, `gate` | what a handler knows of its thread; lets a slot pass from thread to thread |
//! | `tenant` | a slot for a thread that is sampled, with its memory |
//! | `alternate_stack`, `retained_stacks` | what handlers run on; those of threads that are not sampled any more |
//! | `handler_stacks` | what the handler goes on on |
//! | `walkers` | the unwinder in force, and what walks remember |
//! | `unwind`, `registers` | from registers to callers |
//! | `described_code` | which code tables describe |
//! | `first_frames`, `thread_start_probe` | where stacks begin under musl |
//! | `cpu_timer`, `perf_event` | what signals a thread |
//! | `kernel_threads`, `main_stack`, `own_stack` | threads as the kernel knows them, and where their stacks lie |
//! | `loaded_images`, `memory_map`, `own_memory` | what is loaded, what is mapped, and reading it |
//! | `own_files` | files of the kernel's about this process |

mod alternate_stack;
mod cpu_timer;
mod described_code;
mod first_frames;
#[cfg(any(test, perf_fuzz))]
pub(crate) mod fuzz;
mod gate;
mod handler;
mod handler_stacks;
mod idleness;
mod kernel_threads;
mod loaded_images;
mod main_stack;
mod memory_map;
mod missing_samples;
mod own_files;
mod own_memory;
mod own_stack;
mod perf_event;
mod registers;
mod retained_stacks;
mod sampler;
mod signal;
mod signalled_thread;
mod signalled_threads;
mod slot;
mod tenant;
#[cfg(target_env = "musl")]
mod thread_start_probe;
mod unwind;
mod walkers;
mod wall_time;

#[cfg(feature = "pprof")]
pub(super) use loaded_images::{forget_images, images};
pub(super) use own_files::program as program_file;
pub(super) use sampler::Sampler;
