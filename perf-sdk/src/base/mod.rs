//! Basics that every module may use: forks, threads, memory, files and texts. It depends on no
//! other module of this crate.
//!
//! | file | job |
//! |---|---|
//! | `fork`, `process_identity`, `once`, `atomic`, `unpoisoned` | what a fork asks of the profiler, which process this is, what happens once, locks after a panic |
//! | `os_thread`, `background`, `signals` | threads of the profiler's own |
//! | `descriptors`, `sandbox`, `new_file`, `small_file` | what is open, what may still be asked of the kernel, files that are written or read whole |
//! | `kept_files`, `stamp` | files of one program, of which the oldest go; times in their names |
//! | `footprint`, `headroom`, `pages`, `prefetch` | memory: how much is held, whether there is more, where it comes from |
//! | `hash`, `places`, `sort` | a hasher for addresses; items of a list by their hash; sorts that are compiled once |
//! | `pattern`, `plain`, `units`, `notice`, `calendar` | texts |
//! | `loaded` | keeps a library that contains the profiler loaded |

#[cfg(feature = "enabled")]
pub(crate) mod atomic;
#[cfg(feature = "enabled")]
pub(crate) mod background;
#[cfg(any(feature = "flight", feature = "push"))]
pub(crate) mod calendar;
#[cfg(feature = "enabled")]
pub(crate) mod descriptors;
#[cfg(feature = "enabled")]
pub(crate) mod footprint;
#[cfg(feature = "enabled")]
pub(crate) mod fork;
#[cfg(feature = "enabled")]
pub(crate) mod hash;
#[cfg(feature = "enabled")]
pub(crate) mod headroom;
#[cfg(any(feature = "flight", feature = "push"))]
pub(crate) mod kept_files;
#[cfg(feature = "enabled")]
mod loaded;
#[cfg(feature = "enabled")]
pub(crate) mod new_file;
#[cfg(feature = "enabled")]
pub(crate) mod notice;
#[cfg(feature = "enabled")]
pub(crate) mod once;
#[cfg(feature = "enabled")]
pub(crate) mod os_thread;
#[cfg(feature = "enabled")]
pub(crate) mod pages;
#[cfg(feature = "enabled")]
pub(crate) mod pattern;
#[cfg(feature = "enabled")]
pub(crate) mod places;
#[cfg(feature = "enabled")]
pub(crate) mod plain;
#[cfg(feature = "enabled")]
pub(crate) mod prefetch;
#[cfg(feature = "enabled")]
pub(crate) mod process_identity;
#[cfg(feature = "enabled")]
pub(crate) mod sandbox;
#[cfg(feature = "enabled")]
pub(crate) mod signals;
#[cfg(feature = "enabled")]
pub(crate) mod small_file;
pub(crate) mod sort;
#[cfg(any(feature = "flight", feature = "push"))]
pub(crate) mod stamp;
#[cfg(all(test, feature = "enabled"))]
pub(crate) mod test_allocator;
pub(crate) mod units;
#[cfg(feature = "enabled")]
pub(crate) mod unpoisoned;
