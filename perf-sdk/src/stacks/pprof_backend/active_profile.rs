//! A profile that the pprof crate is taking.

use std::sync::atomic::Ordering::Relaxed;

use pprof::{ProfilerGuard, ProfilerGuardBuilder, UnresolvedReport};

use super::sigprof::Action;
use crate::base::process_identity::{AtomicProcess, Process};
use crate::base::sandbox;
use crate::memory;

/// The maximum size of the handler's code.
const HANDLER_BYTES: u64 = 1 << 16;
/// Libraries in which a thread may hold a lock that unwinding takes, as the crate's documentation
/// advises. Samples in them are omitted.
const LOCKED: [&str; 8] =
    ["/libc.so", "/libc-2", "/libgcc_s", "/libpthread", "/ld-linux", "/ld-musl", "linux-vdso", "/usr/lib/system/"];

pub(super) const HANDLED: &str = "the program handles the signal SIGPROF itself";

/// Which process used the crate first. Its lock may be held, for good, in one that was forked from
/// it.
static PROCESS: AtomicProcess = AtomicProcess::none();

/// The crate while it samples.
pub(super) struct ActiveProfile {
    pub(super) guard: Option<ProfilerGuard<'static>>,
    pub(super) hz: u32,
    /// The address of the crate's handler.
    pub(super) handler: Option<u64>,
    /// The result of the last reading.
    pub(super) report: Option<UnresolvedReport>,
}

/// Whether another process, from which this one was forked, used the crate first.
pub(super) fn is_of_parent() -> bool {
    PROCESS.load(Relaxed).is_some_and(|used_by| !used_by.is_current())
}

impl ActiveProfile {
    pub(super) fn begin(hz: u32) -> Result<Self, &'static str> {
        if Action::now().is_none_or(|action| action.handler().is_some()) {
            return Err(HANDLED);
        }
        PROCESS.store(Some(Process::current()), Relaxed);
        let builder = ProfilerGuardBuilder::default().frequency(i32::try_from(hz).unwrap_or(i32::MAX));
        #[cfg(any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "riscv64",
            target_arch = "loongarch64"
        ))]
        let builder = builder.blocklist(&LOCKED);
        let guard = memory::uncounted(|| builder.build()).map_err(|_| "the pprof crate does not start")?;
        let handler = Action::now().and_then(|action| action.handler());
        Ok(Self { guard: Some(guard), hz, handler, report: None })
    }

    pub(super) fn is_ours(&self) -> bool {
        Action::now().is_some_and(|action| action.handler() == self.handler)
    }
}

impl Drop for ActiveProfile {
    fn drop(&mut self) {
        if sandbox::is_tighter() {
            // The profile continues.
            return std::mem::forget(self.guard.take());
        }
        let taken_over = Action::now().filter(|_| !self.is_ours());
        // The crate sets the signal to ignored, whoever handles it by now.
        memory::uncounted(|| drop(self.guard.take()));
        if let Some(theirs) = taken_over {
            theirs.restore();
        }
    }
}

/// The index of the first frame of the program: the interrupted function. The frames before it are
/// the handler's.
pub(super) fn interrupted(addresses: &[u64], handler: Option<u64>) -> usize {
    let Some(handler) = handler else { return 0 };
    let is_near = |address: &u64| (handler..handler.saturating_add(HANDLER_BYTES)).contains(address);
    // Of all addresses after the handler's beginning, the lowest one is in the handler. Its caller
    // is the code to which the kernel returns.
    let own = addresses.iter().enumerate().filter(|(_, address)| is_near(address)).min_by_key(|(_, address)| **address);
    own.map_or(0, |(at, _)| at + 2).min(addresses.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handler_s_own_frames_are_left_out() {
        let handler = Some(0x5000);
        // The unwinder, a callee of the handler, the handler, the kernel's return, and the program,
        // which may have any address.
        assert_eq!(interrupted(&[0x9000, 0x5800, 0x5100, 0x7f00_0000, 0x4000, 0x8000], handler), 4);
        assert_eq!(interrupted(&[0x5100, 0x7f00_0000], handler), 2);
        assert_eq!(interrupted(&[0x5100], handler), 1);
        // An unwinder that begins at the interrupted function.
        assert_eq!(interrupted(&[0x4000, 0x2_5000], handler), 0);
        assert_eq!(interrupted(&[0x5100, 0x5200], None), 0);
    }
}
