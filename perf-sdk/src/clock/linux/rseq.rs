//! The thread's restartable-sequence area, used to detect an interruption, not to restart code.
//!
//! When a thread returns to user mode after a context switch or a signal, the kernel reads its
//! `rseq_cs` pointer. If the instruction pointer is outside the sequence to which it points, the
//! kernel clears the pointer. This sequence contains no code, so the pointer is cleared each time.
//! Layout: `struct rseq` in the kernel's `include/uapi/linux/rseq.h`.
#![allow(unsafe_code)]

use std::mem;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicIsize, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use super::super::arch;
use super::page_size::page_size;

/// The head of the area that the C library registers for each thread.
#[repr(C)]
struct Registered {
    cpu_id_start: AtomicU32,
    /// Negative if not registered.
    cpu_id: AtomicU32,
    rseq_cs: AtomicU64,
}

/// `struct rseq_cs`.
#[repr(C, align(32))]
struct Descriptor {
    version: u32,
    flags: u32,
    start: u64,
    length: u64,
    abort: u64,
}

const _: () = assert!(mem::size_of::<Descriptor>() == 32);

/// A page that is never unmapped: the kernel may read it at any time, and kills the process if it
/// cannot. It contains many equal descriptors, so that two users on one thread do not confuse each
/// other's with their own.
#[repr(C, align(32))]
struct Descriptors {
    /// The empty sequence.
    sequence: [u32; 2],
    /// The kernel requires it right before the abort address.
    signature: u32,
    /// The abort target, which is never executed.
    abort: [u32; 5],
    descriptors: [Descriptor; COUNT],
}

const COUNT: usize = 127;
const _: () = assert!(mem::size_of::<Descriptors>() == 4096);

/// The area of the calling thread.
#[derive(Debug)]
pub(in super::super) struct Area {
    registered: &'static Registered,
    descriptor: u64,
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registered").field("cpu_id", &self.cpu_id).field("rseq_cs", &self.rseq_cs).finish()
    }
}

impl Area {
    /// The area of the calling thread. `None` if the C library has registered none: glibc before
    /// 2.35, musl, an old kernel, or `GLIBC_TUNABLES=glibc.pthread.rseq=0`.
    pub(in super::super) fn find() -> Option<Self> {
        let offset = offset()?;
        let area = arch::thread_pointer().wrapping_offset(offset).cast::<Registered>();
        // SAFETY: glibc keeps the area at this offset from the thread pointer for as long as the
        // thread lives. The owner belongs to this thread and is closed when the thread ends.
        let registered = unsafe { area.as_ref() }?;
        if (registered.cpu_id.load(Relaxed) as i32) < 0 {
            return None;
        }
        Some(Self { registered, descriptor: descriptor()? })
    }

    /// The word that changes when the thread leaves the CPU. It is valid for as long as the thread
    /// lives.
    pub(in super::super) fn word(&self) -> *const AtomicU64 {
        &raw const self.registered.rseq_cs
    }

    /// Sets the word and returns its value. After the thread has left the CPU, the word reads 0, or
    /// the address of another user's descriptor.
    pub(in super::super) fn arm(&self) -> u64 {
        self.registered.rseq_cs.store(self.descriptor, Relaxed);
        self.descriptor
    }

    /// Restores the area as it was found, unless another user has changed it since.
    pub(in super::super) fn disarm(&self) {
        let _ = self.registered.rseq_cs.compare_exchange(self.descriptor, 0, Relaxed, Relaxed);
    }
}

/// The offset of the word from the thread pointer. 0 where it is not used, because the word at the
/// thread pointer itself is never 0.
static WORD: AtomicIsize = AtomicIsize::new(0);

/// Enables [`may_have_left`].
pub(in super::super) fn watch() {
    if let Some(offset) = offset() {
        WORD.store(offset + mem::offset_of!(Registered, rseq_cs) as isize, Relaxed);
    }
}

/// Disables [`may_have_left`].
pub(in super::super) fn unwatch() {
    WORD.store(0, Relaxed);
}

/// Whether the calling thread may have left the CPU since its area was armed, without reading a
/// clock. Also true if this engine is in use and has not armed the area.
///
/// **Blind spot.** False, which then says nothing, if the process uses another engine, or if other
/// code has armed the area.
#[inline(always)]
pub(crate) fn may_have_left() -> bool {
    #[cfg(test)]
    if crate::clock::mock::ignores_real_switches() {
        return false;
    }
    // SAFETY: the word is either the first one of the thread's control block, which the ABI places
    // there, or the word of this thread's area, which is at the same offset from the thread pointer
    // on each thread.
    unsafe { arch::thread_word(WORD.load(Relaxed)) == 0 }
}

/// The offset of the area from the thread pointer. Looked up by name, because older C libraries
/// lack the symbols.
fn offset() -> Option<isize> {
    static OFFSET: OnceLock<Option<isize>> = OnceLock::new();
    *OFFSET.get_or_init(|| {
        // SAFETY: looks the name up among the loaded objects.
        let (size, offset) = unsafe {
            (
                libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_size".as_ptr()).cast::<u32>(),
                libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr()).cast::<isize>(),
            )
        };
        // SAFETY: null, or constants of glibc with these types.
        let (size, offset) = unsafe { (size.as_ref()?, offset.as_ref()?) };
        (*size > 0).then_some(*offset)
    })
}

/// The address of a descriptor, different from the one that the previous caller got.
fn descriptor() -> Option<u64> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let page = descriptors()?;
    let index = NEXT.fetch_add(1, Relaxed) % COUNT;
    Some(ptr::from_ref(&page.descriptors[index]).addr() as u64)
}

fn descriptors() -> Option<&'static Descriptors> {
    static PAGE: AtomicPtr<Descriptors> = AtomicPtr::new(ptr::null_mut());
    // SAFETY: null, or a page from `make_descriptors`, which is never unmapped. `Acquire` pairs
    // with `Release` below.
    if let Some(page) = unsafe { PAGE.load(Acquire).as_ref() } {
        return Some(page);
    }
    let made = make_descriptors()?;
    // If two threads do this at the same time, both pages stay valid, and one is remembered.
    let _ = PAGE.compare_exchange(ptr::null_mut(), made, Release, Relaxed);
    // SAFETY: just made, never unmapped and never written again.
    unsafe { made.as_ref() }
}

fn make_descriptors() -> Option<*mut Descriptors> {
    let size = page_size().max(mem::size_of::<Descriptors>());
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new private mapping at an address that the kernel chooses.
    let memory = unsafe { libc::mmap(ptr::null_mut(), size, access, flags, -1, 0) };
    if memory == libc::MAP_FAILED {
        return None;
    }
    let page = memory.cast::<Descriptors>();
    let at = |offset: usize| (page.addr() + offset) as u64;
    let start = at(mem::offset_of!(Descriptors, sequence));
    let abort = at(mem::offset_of!(Descriptors, abort));
    let descriptors = [const { Descriptor { version: 0, flags: 0, start: 0, length: 0, abort: 0 } }; COUNT]
        .map(|empty| Descriptor { start, length: 4, abort, ..empty });
    let content = Descriptors { sequence: [0; 2], signature: arch::RSEQ_SIGNATURE, abort: [0; 5], descriptors };
    // SAFETY: the mapping is large enough, page-aligned and not shared yet.
    unsafe { page.write(content) };
    // Never executed, and not written from here on. A failure is harmless. SAFETY: the mapping made
    // above.
    unsafe { libc::mprotect(memory, size, libc::PROT_READ) };
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_users_of_one_thread_see_each_other() {
        let (Some(one), Some(other)) = (Area::find(), Area::find()) else {
            eprintln!("skipped: the C library registers no rseq area here");
            return;
        };
        let expected = one.arm();
        assert_ne!(other.arm(), expected);
        one.disarm();
        // SAFETY: a word of this thread.
        let word = unsafe { (*one.word()).load(Relaxed) };
        assert_ne!(word, expected, "neither user clears the descriptor of the other");
        other.disarm();
    }
}
