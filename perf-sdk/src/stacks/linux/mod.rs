//! The sampler for Linux, where threads are signalled by their CPU time.
//!
//! | file | job |
//! |---|---|
//! | `sampler` | has threads signalled, and reads their rings |
//! | `signalling`, `bursts` | the engine and the period of signals, and what the choice depends on |
//! | `sample_counts` | counts of samples |
//! | `signalled_threads`, `signalled_thread` | the threads that are signalled, and one of them |
//! | `wall_time` | stacks of running and waiting threads, on request |
//! | `idleness` | whether another evaluation would find anything |
//! | `missing_samples` | whether samples arrive while the program runs |
//! | `handler`, `signal` | the signal handler, and its signal |
//! | `slot`, `gate` | the handler's data for one thread; lets a slot pass from thread to thread |
//! | `tenant` | a slot for a sampled thread, with its memory |
//! | `alternate_stack`, `retained_stacks` | alternate signal stacks; those of threads that are no longer sampled |
//! | `handler_stacks` | the stacks on which the handler continues |
//! | `walkers` | the current unwinder, and the caches of walks |
//! | `unwind`, `registers` | from registers to callers |
//! | `described_code` | which code is described by tables |
//! | `first_frames`, `thread_start_probe` | the outermost frames under musl |
//! | `cpu_timer`, `perf_event` | the engines that signal a thread |
//! | `kernel_threads`, `main_stack`, `own_stack` | threads as the kernel lists them, and the bounds of their stacks |
//! | `stack_search` | finds the stack of the process's first thread |
//! | `loaded_images`, `memory_map`, `own_memory` | loaded images, mappings, and safe reads of memory |
//! | `own_files` | the kernel's files about this process |

mod alternate_stack;
mod bursts;
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
mod sample_counts;
mod sampler;
mod signal;
mod signalled_thread;
mod signalled_threads;
mod signalling;
mod slot;
mod stack_search;
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
