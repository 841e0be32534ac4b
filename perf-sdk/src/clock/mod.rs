//! Wall ticks and thread CPU time.
//!
//! | file | job |
//! |---|---|
//! | `wall` | ticks of the processor's counter, and their conversion to nanoseconds |
//! | `continuity`, `scale` | the arithmetic for `wall` |
//! | `thread` | the CPU clock of one thread: an anchor, and how long it is valid |
//! | `engine`, `usable`, `choice` | the ways to detect that a thread left the CPU, which are usable, and which one is in use |
//! | `selftest` | whether an engine is correct on this machine |
//! | `witness`, `linux/`, `arch/`, `syscall` | leaves: memory shared with the kernel, counters, system calls |
//! | `anomaly` | counts of clock faults |

mod anomaly;
mod arch;
mod choice;
#[cfg(feature = "pool")]
mod coarse;
mod continuity;
mod engine;
#[cfg(all(target_os = "linux", not(miri)))]
mod linux;
#[cfg(test)]
pub(crate) mod mock;
mod scale;
mod selftest;
mod syscall;
mod thread;
mod usable;
mod wall;
mod witness;

pub(crate) use anomaly::anomalies;
#[cfg(all(
    target_os = "linux",
    target_endian = "little",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(miri)
))]
pub(crate) use arch::thread_pointer;
pub(crate) use choice::{attach, engine, init};
#[cfg(feature = "pool")]
pub(crate) use coarse::{coarse, tick};
pub(crate) use engine::Engine;
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) use linux::may_have_left;
#[cfg(all(target_os = "linux", not(miri), feature = "stacks"))]
pub(crate) use linux::{EXCLUDE_HYPERVISOR, PerfAttributes};
#[cfg(all(target_os = "linux", feature = "stacks"))]
pub(crate) use syscall::process_switches;
pub(crate) use syscall::{process_cpu_ns, thread_cpu_ns_of, thread_id};
pub(crate) use thread::{Absence, DEFAULT_INTERVAL, ThreadCpu};
pub(crate) use wall::{OWN_PART, TickLength, Wall, wall};

/// Never: without restartable sequences it cannot be detected.
#[cfg(any(miri, not(target_os = "linux")))]
#[inline(always)]
pub(crate) fn may_have_left() -> bool {
    false
}

/// Runs in a forked child, before anything is recorded there.
pub(crate) fn after_fork() {
    anomaly::reset();
    wall::after_fork();
    choice::after_fork();
    #[cfg(all(target_os = "linux", not(miri)))]
    linux::after_fork();
}
