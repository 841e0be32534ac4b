//! Google's `profile.proto`, gzipped, as read by Go's `pprof`, Pyroscope, Parca and others.
//!
//! Ids start at 1, and the string table begins with an empty string. A profiled scope has no
//! address. It gets an artificial one derived from its name, so that it is the same in every
//! profile.

mod builder;
#[cfg(feature = "stacks")]
mod cpu;
#[cfg(feature = "heap")]
mod heap;
#[cfg(feature = "stacks")]
mod labels;
mod locks;
#[cfg(feature = "otlp-profiles")]
mod otlp;
mod running;
#[cfg(feature = "stacks")]
mod sampled;
mod scopes;
#[cfg(feature = "serve")]
mod text;
#[cfg(feature = "stacks")]
mod wall;
mod wire;

#[cfg(feature = "stacks")]
pub use cpu::write_cpu;
#[cfg(all(feature = "heap", feature = "stacks"))]
pub use heap::write_heap_stacks;
#[cfg(all(feature = "heap", feature = "push"))]
pub(crate) use heap::{Allocated, write_heap_window};
#[cfg(feature = "heap")]
pub use heap::{Opens, write_heap};
pub use locks::{write_block, write_mutex};
#[cfg(feature = "otlp-profiles")]
pub(crate) use otlp::otlp;
pub use running::write_running;
#[cfg(feature = "serve")]
pub(crate) use scopes::names_of_scopes;
pub use scopes::write_scopes;
#[cfg(feature = "serve")]
pub(crate) use text::{Listing, write_text};
#[cfg(feature = "stacks")]
pub use wall::write_wall;
