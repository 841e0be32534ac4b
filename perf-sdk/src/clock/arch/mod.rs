//! Processor-specific code: the time-stamp counter and the thread pointer.

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[path = "x86_64.rs"]
mod imp;

#[cfg(all(target_arch = "aarch64", not(miri)))]
#[path = "aarch64.rs"]
mod imp;

#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[path = "other.rs"]
mod imp;

pub(super) use imp::{HAS_COUNTER, counter};

#[cfg(all(
    target_os = "linux",
    target_endian = "little",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(miri)
))]
pub(crate) use imp::thread_pointer;
#[cfg(all(
    target_os = "linux",
    target_endian = "little",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(miri)
))]
pub(super) use imp::{RSEQ_SIGNATURE, thread_word};
