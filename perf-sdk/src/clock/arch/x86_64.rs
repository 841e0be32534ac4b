//! x86-64.
#![allow(unsafe_code)]

use core::arch::asm;

/// Whether [`counter`] can be read. Whether it is reliable is decided at the start.
pub(in super::super) const HAS_COUNTER: bool = true;

/// The word that the kernel expects before the abort address of a restartable sequence: `RSEQ_SIG`
/// of the kernel's `asm/rseq.h`.
#[cfg(target_os = "linux")]
pub(in super::super) const RSEQ_SIGNATURE: u32 = 0x5305_3053;

/// Reads the [time-stamp counter](https://en.wikipedia.org/wiki/Time_Stamp_Counter).
///
/// `rdtsc` does not wait for earlier instructions. But interrupts are taken between instructions in
/// program order, so an interrupt never separates it from a later load in the wrong order. A
/// witness needs no more than this.
#[inline(always)]
pub(in super::super) fn counter() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: `rdtsc` accesses no memory. There is no `nomem`, so that the compiler moves no memory
    // access across it: the witness must be loaded after the counter.
    unsafe { asm!("rdtsc", out("rax") low, out("rdx") high, options(nostack, preserves_flags)) };
    high << 32 | low
}

/// The thread pointer, to which thread-local offsets are relative.
#[cfg(target_os = "linux")]
#[inline(always)]
pub(crate) fn thread_pointer() -> *mut u8 {
    let pointer: *mut u8;
    // SAFETY: the x86-64 ABI stores the thread pointer itself at `fs:0`.
    unsafe { asm!("mov {}, fs:0", out(reg) pointer, options(nostack, preserves_flags, readonly)) };
    pointer
}

/// The word at this offset from the thread pointer.
///
/// # Safety
/// The word is readable.
#[cfg(target_os = "linux")]
#[inline(always)]
pub(in super::super) unsafe fn thread_word(offset: isize) -> u64 {
    let word: u64;
    // SAFETY: as the caller guarantees; in the ABI, `fs` holds the thread pointer.
    unsafe { asm!("mov {}, fs:[{}]", out(reg) word, in(reg) offset, options(nostack, preserves_flags, readonly)) };
    word
}
