//! Linux's part: signals by CPU time, and what is loaded where.

mod event;
mod handler;
mod images;
mod memory_map;
mod threads;
mod timer;

pub(super) use event::Event;
#[cfg(feature = "heap")]
pub(super) use handler::here;
pub(super) use handler::{Installed, ask, delivery_ns, install, is_ours, value};
pub(super) use images::{changes, images, is_in_program};
pub(super) use memory_map::Map;
pub(super) use threads::{blocks_signal, first_stack, thread_cpu_ns, thread_name, threads, tick_ns};
pub(super) use timer::Timer;
