//! Linux's part: signals by CPU time, and what is loaded where.

mod alternate;
mod event;
mod first_frames;
mod handler;
mod handler_stacks;
mod images;
mod memory_map;
mod own_memory;
mod own_process;
mod own_stack;
mod registers;
mod signal;
#[cfg(target_env = "musl")]
mod thread_start_probe;
mod threads;
mod timer;

pub(super) use alternate::Alternate;
pub(super) use event::Event;
pub(super) use first_frames::{main_function, thread_start};
pub(super) use handler::{Installed, ask, delivery_ns, install, is_ours, value};
#[cfg(any(test, feature = "heap"))]
pub(super) use handler_stacks::WALK_BYTES;
pub(super) use handler_stacks::{after_fork as free_handler_stacks, prepare as prepare_handler_stacks, turned_away};
pub(super) use images::{changes, forget_images, images, is_in_program};
pub(super) use memory_map::Map;
pub(super) use own_process::{hold as hold_own_files, let_go as let_go_of_own_files, program as program_file};
pub(super) use own_stack::{learn, own_stack};
pub(super) use registers::Registers;
#[cfg(any(test, feature = "heap"))]
pub(super) use registers::here;
#[cfg(target_env = "musl")]
pub(super) use thread_start_probe::learn_thread_start;
#[cfg(feature = "heap")]
pub(super) use threads::least_of_main;
pub(super) use threads::{blocks_signal, first_stack, has_ended, thread_cpu_ns, thread_name, threads, tick_ns};
pub(super) use timer::Timer;
