//! A word that reads 0 in a forked child, even if no fork handler ran.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

static CURRENT: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());

/// The lease word of this process, which contains `ticks`. `None` where the kernel cannot wipe a
/// page on fork (before Linux 4.14).
///
/// A fork handler is not enough: a direct call of `clone` runs none, and the next profiled call in
/// that child would read an unmapped perf page. A child makes a lease of its own. The inherited one
/// stays 0 forever, because everything that the parent protected by it is invalid in the child.
pub(in super::super) fn lease(ticks: u64) -> Option<&'static AtomicU64> {
    let current = CURRENT.load(Acquire);
    // SAFETY: null, or a word from `make`, which is never unmapped. `Acquire` pairs with `Release`
    // below.
    if let Some(word) = unsafe { current.as_ref() }
        && word.load(Relaxed) != 0
    {
        return Some(word);
    }
    let new = make()?;
    new.store(ticks, Relaxed);
    let made = ptr::from_ref(new).cast_mut();
    match CURRENT.compare_exchange(current, made, Release, Acquire) {
        Ok(_) => Some(new),
        // Two threads did this at the same time: one page is wasted, once. SAFETY: not null, since
        // it was replaced; otherwise as above.
        Err(other) => unsafe { other.as_ref() },
    }
}

fn make() -> Option<&'static AtomicU64> {
    let page = super::page_size::page_size();
    // SAFETY: a new private mapping at an address that the kernel chooses.
    let memory = unsafe {
        libc::mmap(
            ptr::null_mut(),
            page,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if memory == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the mapping made above. The advice only changes what a child finds there.
    if unsafe { libc::madvise(memory, page, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: the mapping made above, to which no reference is kept.
        unsafe { libc::munmap(memory, page) };
        return None;
    }
    // SAFETY: aligned to a page, zeroed, never unmapped, shared through an atomic only.
    unsafe { memory.cast::<AtomicU64>().as_ref() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_made_without_fork_handlers_finds_it_expired() {
        let Some(word) = lease(77) else { panic!("Linux 4.14 or later expected") };
        assert!(word.load(Relaxed) != 0);
        // SAFETY: as for `fork`; the child only reads memory and exits.
        let child = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
        if child == 0 {
            let renewed = word.load(Relaxed) == 0
                && lease(78).is_some_and(|new| !ptr::eq(new, word) && new.load(Relaxed) == 78)
                && word.load(Relaxed) == 0;
            // SAFETY: ends the child immediately.
            unsafe { libc::_exit(if renewed { 0 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: waits for the child made above.
        assert_eq!(i64::from(unsafe { libc::waitpid(child as i32, &raw mut status, 0) }), child);
        assert_eq!(status, 0);
        assert!(word.load(Relaxed) != 0, "the parent's is untouched");
    }
}
