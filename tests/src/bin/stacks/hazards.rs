//! Threads with unusual stacks.

use std::arch::asm;
use std::ffi::c_void;
use std::hint::black_box;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use perf_sdk::Handle;

use super::{builder, busy, samples, work};

const PAGE: usize = 4096;

/// Computes without accesses to the stack.
#[inline(always)]
fn spin_in_registers(rounds: u64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: it only counts a register down.
    unsafe {
        asm!("2:", "dec {n}", "jnz 2b", n = inout(reg) rounds => _, options(nomem, nostack));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: it only counts a register down.
    unsafe {
        asm!("2:", "subs {n}, {n}, #1", "b.ne 2b", n = inout(reg) rounds => _, options(nomem, nostack));
    }
}

/// About 0.1 s on current machines.
const ROUNDS: u64 = 300_000_000;

fn mapped(bytes: usize, protection: i32) -> *mut u8 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, at an address that the kernel chooses.
    let place = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
    assert_ne!(place, libc::MAP_FAILED);
    place.cast()
}

/// A thread of the C library on this stack. The Rust standard library does not know it, so it has
/// no alternate signal stack.
fn c_thread(stack: *mut u8, bytes: usize, run: extern "C" fn(*mut c_void) -> *mut c_void) -> libc::pthread_t {
    // SAFETY: the attributes and places are valid, and the stack lives until the thread has been
    // joined.
    unsafe {
        let mut attributes = std::mem::zeroed();
        assert_eq!(libc::pthread_attr_init(&raw mut attributes), 0);
        assert_eq!(libc::pthread_attr_setstack(&raw mut attributes, stack.cast(), bytes), 0);
        let mut thread = std::mem::zeroed();
        assert_eq!(libc::pthread_create(&raw mut thread, &raw const attributes, run, stack.cast()), 0);
        libc::pthread_attr_destroy(&raw mut attributes);
        thread
    }
}

fn join(thread: libc::pthread_t) {
    // SAFETY: the thread has not been joined before.
    assert_eq!(unsafe { libc::pthread_join(thread, ptr::null_mut()) }, 0);
}

fn here() -> usize {
    let local = 0_u8;
    black_box(&raw const local).addr()
}

/// Recurses until only `left` bytes are left above `low`, and computes there.
#[inline(never)]
fn deep(low: usize, left: usize, rounds: u64) -> usize {
    if here() - low > left + 256 {
        let below = deep(low, left, rounds);
        return black_box(below) + 1;
    }
    spin_in_registers(rounds);
    here()
}

static KNOWN: AtomicBool = AtomicBool::new(false);

/// Computes until [`lets_go`] is called on another thread. Uses little stack.
fn until_known() {
    let mut sum = 1;
    while !KNOWN.load(Relaxed) {
        sum = work(sum);
    }
}

/// Computes until this thread has an alternate signal stack of another size than this: its first
/// sample installs one.
fn until_alternate(bytes: usize) {
    let start = Instant::now();
    loop {
        black_box(work(1));
        // SAFETY: the place for the result is valid; the call changes nothing.
        let now = unsafe {
            let mut now: libc::stack_t = std::mem::zeroed();
            libc::sigaltstack(ptr::null(), &raw mut now);
            now
        };
        if now.ss_size != bytes {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "no sample arrived");
    }
}

/// Waits until this number of further samples was taken, for at most a minute.
fn lets_go(handle: &Handle, more: u64) {
    let (start, before) = (Instant::now(), samples(handle));
    while samples(handle) < before + more {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for samples");
        std::thread::sleep(Duration::from_millis(10));
    }
    KNOWN.store(true, Relaxed);
}

static LEFT: AtomicU64 = AtomicU64::new(0);
static PROFILED: AtomicBool = AtomicBool::new(false);
static HOLE_SEEN: AtomicBool = AtomicBool::new(false);

/// Little stack is left, down to less than a signal frame needs.
pub(super) fn little_stack() {
    const BYTES: usize = 64 << 10;
    extern "C" fn run(low: *mut c_void) -> *mut c_void {
        if PROFILED.load(Relaxed) {
            busy(Duration::from_micros(10));
        }
        until_alternate(0);
        deep(low.addr(), LEFT.load(Relaxed) as usize, ROUNDS);
        ptr::null_mut()
    }
    let handle = builder().stacks_hz(1_000).start().unwrap();
    for profiled in [false, true] {
        PROFILED.store(profiled, Relaxed);
        for left in [1_024, 1_536, 2_048, 3_072, 3_584, 8_192] {
            LEFT.store(left, Relaxed);
            let stack = mapped(PAGE + BYTES, libc::PROT_READ | libc::PROT_WRITE);
            // SAFETY: this is the mapping made above; its first page becomes a guard page.
            let low = unsafe {
                libc::mprotect(stack.cast(), PAGE, libc::PROT_NONE);
                stack.add(PAGE)
            };
            let before = samples(&handle);
            join(c_thread(low, BYTES, run));
            println!("{left} bytes left, profiled {profiled}: {} samples", samples(&handle) - before);
            assert!(samples(&handle) > before);
            // SAFETY: the thread on this stack has ended.
            unsafe { libc::munmap(stack.cast(), PAGE + BYTES) };
        }
    }
}

static HANDLED: AtomicU64 = AtomicU64::new(0);

/// The program's own handler computes on its own alternate stack of 4 KiB.
pub(super) fn small_alternate() {
    extern "C" fn handler(_: i32) {
        spin_in_registers(ROUNDS / 4);
        HANDLED.fetch_add(1, Relaxed);
    }
    let handle = builder().stacks_hz(1_000).start().unwrap();
    let before = samples(&handle);
    std::thread::spawn(|| {
        let guarded = mapped(2 * PAGE, libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: the first page of this mapping becomes a guard page; the second one is within the
        // mapping.
        let alternate = unsafe {
            libc::mprotect(guarded.cast(), PAGE, libc::PROT_NONE);
            guarded.add(PAGE)
        };
        let stack = libc::stack_t { ss_sp: alternate.cast(), ss_flags: 0, ss_size: PAGE };
        // SAFETY: the stack and the handler live as long as the process.
        unsafe {
            assert_eq!(libc::sigaltstack(&raw const stack, ptr::null_mut()), 0);
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as extern "C" fn(i32) as usize;
            action.sa_flags = libc::SA_ONSTACK;
            libc::sigaction(libc::SIGUSR2, &raw const action, ptr::null_mut());
        }
        until_alternate(PAGE);
        for _ in 0..20 {
            // SAFETY: the signal goes to this thread.
            unsafe { libc::raise(libc::SIGUSR2) };
        }
    })
    .join()
    .unwrap();
    assert_eq!(HANDLED.load(Relaxed), 20);
    println!("{} samples", samples(&handle) - before);
    assert!(samples(&handle) > before + 2);
}

/// A stack overflows while it is sampled: the standard library still prints its message.
pub(super) fn overflow() {
    #[inline(never)]
    fn forever(n: u64) -> u64 {
        let frame = black_box([n; 32]);
        if n == u64::MAX { 0 } else { forever(n + 1) + frame[(n % 32) as usize] }
    }
    let _handle = builder().stacks_hz(4_000).start().unwrap();
    let thread = std::thread::Builder::new().name("deep one".to_owned()).stack_size(16 << 20).spawn(|| {
        busy(Duration::from_millis(5));
        black_box(forever(0))
    });
    let _ = thread.unwrap().join();
    unreachable!("the stack has overflowed");
}

/// A stack at the upper end of a mapping, another one at the lower end, and an unmapped hole in
/// between. The code has no unwind information, and its frame pointer points into the hole.
#[cfg(target_arch = "x86_64")]
pub(super) fn hole() {
    const BYTES: usize = 1 << 20;
    const UPPER: usize = 256 << 10;
    extern "C" fn run(stack: *mut c_void) -> *mut c_void {
        let low = stack.addr() + UPPER - BYTES;
        // Waits until the sampler knows where the stack is.
        until_known();
        let (hole, lower) = (low + (256 << 10), low + (128 << 10));
        // SAFETY: this part is not in use.
        unsafe { libc::munmap(ptr::with_exposed_provenance_mut(hole), 256 << 10) };
        let code = nameless_code();
        // SAFETY: the code below switches to the stack at the lower end, computes, and returns.
        let code: extern "C" fn(usize, usize, u64) = unsafe { std::mem::transmute(code) };
        while !HOLE_SEEN.load(Relaxed) {
            code(lower, hole + 1024, ROUNDS / 40);
        }
        ptr::null_mut()
    }
    let handle = builder().stacks_hz(99).start().unwrap();
    let mapping = mapped(BYTES, libc::PROT_READ | libc::PROT_WRITE);
    mapping.expose_provenance();
    // SAFETY: the address is within the mapping.
    let upper = unsafe { mapping.add(BYTES - UPPER) };
    let thread = c_thread(upper, UPPER, run);
    lets_go(&handle, 8);
    let before = samples(&handle);
    perf_sdk_tests::until("samples", || samples(&handle) > before + 10);
    HOLE_SEEN.store(true, Relaxed);
    join(thread);
    println!("{} samples", samples(&handle) - before);
}

/// `fn(stack, frame_pointer, rounds)`, without unwind information.
#[cfg(target_arch = "x86_64")]
fn nameless_code() -> *mut u8 {
    const CODE: [u8; 26] = [
        0x53, // push rbx
        0x55, // push rbp
        0x48, 0x89, 0xe3, // mov rbx, rsp
        0x48, 0x89, 0xfc, // mov rsp, rdi
        0x48, 0x89, 0xf5, // mov rbp, rsi
        0x48, 0xff, 0xca, // dec rdx
        0x75, 0xfb, // jnz -5
        0x48, 0x89, 0xdc, // mov rsp, rbx
        0x5d, // pop rbp
        0x5b, // pop rbx
        0xc3, // ret
        0xcc, 0xcc, 0xcc, 0xcc,
    ];
    let code = mapped(PAGE, libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: this is the mapping made above. It is made executable once the code is written.
    unsafe {
        ptr::copy_nonoverlapping(CODE.as_ptr(), code, CODE.len());
        libc::mprotect(code.cast(), PAGE, libc::PROT_READ | libc::PROT_EXEC);
    }
    code
}

/// Threads that wait for all signals get none of ours, if they block signals before they can be
/// sampled.
pub(super) fn waits_for_signals() {
    const THREADS: usize = 100;
    /// A thread is sampled once it has used this much CPU time, or has existed for this long: the
    /// sampler's own limits.
    const SETTLED: [Duration; 2] = [Duration::from_micros(200), Duration::from_millis(100)];
    static STRAY: AtomicU64 = AtomicU64::new(0);
    static JUDGED: AtomicU64 = AtomicU64::new(0);
    let handle = builder().stacks_hz(1_000).start().unwrap();
    perf_sdk_tests::until("threads that block signals in time", || {
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                let begun = Instant::now();
                scope.spawn(move || {
                    // SAFETY: the sets of signals and the places for results are valid.
                    unsafe {
                        let mut all = std::mem::zeroed();
                        libc::sigfillset(&raw mut all);
                        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut());
                        // Otherwise, it may have blocked the signals too late, for example on a
                        // loaded machine.
                        let is_judged = perf_sdk_tests::thread_cpu() < SETTLED[0] && begun.elapsed() < SETTLED[1];
                        spin_in_registers(ROUNDS / 100);
                        let wait = libc::timespec { tv_sec: 2, tv_nsec: 0 };
                        let got = libc::sigtimedwait(&raw const all, ptr::null_mut(), &raw const wait);
                        JUDGED.fetch_add(u64::from(is_judged), Relaxed);
                        STRAY.fetch_add(u64::from(is_judged && got == libc::SIGURG), Relaxed);
                    }
                });
            }
        });
        JUDGED.load(Relaxed) >= THREADS as u64 / 2
    });
    assert_eq!(STRAY.load(Relaxed), 0);
    drop(handle);
}

/// The address space is used up, as under `ulimit -v`, while threads start and end. Threads that
/// need no memory go on.
pub(super) fn no_memory() {
    const THREADS: usize = 20;
    let handle = builder().stacks_hz(1_000).leak_window("20ms").budget("1%").start().unwrap();
    let over = AtomicBool::new(false);
    let begun = std::sync::Barrier::new(THREADS + 1);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                begun.wait();
                while !over.load(Relaxed) {
                    busy(Duration::from_micros(500));
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
        begun.wait();
        // Uses up all of it, in ever smaller pieces.
        let limit = libc::rlimit { rlim_cur: mapped_bytes() + (24 << 20), rlim_max: libc::RLIM_INFINITY };
        // SAFETY: the limit is valid.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
        let mut taken = Vec::new();
        let mut bytes = 16 << 20;
        while bytes >= PAGE {
            // SAFETY: it creates a new mapping or fails.
            let place = unsafe {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                libc::mmap(ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
            };
            if place == libc::MAP_FAILED { bytes /= 2 } else { taken.push((place, bytes)) }
        }
        std::thread::sleep(Duration::from_secs(3));
        for (place, bytes) in taken {
            // SAFETY: this mapping was made above.
            unsafe { libc::munmap(place, bytes) };
        }
        let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: the limit is valid.
        unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
        let before = samples(&handle);
        let start = Instant::now();
        while samples(&handle) == before {
            assert!(start.elapsed() < Duration::from_secs(60), "nothing is sampled any more");
            std::thread::sleep(Duration::from_millis(10));
        }
        over.store(true, Relaxed);
    });
    let left_out = handle.snapshot().profiler.dropped["headroom"];
    println!("{left_out} turns skipped");
    assert!(left_out > 0);
}

/// The size of the process's mappings.
fn mapped_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split_whitespace().next().unwrap().parse().unwrap();
    pages * PAGE as u64
}

/// Actions of [`robust`](super::robust): `random(bound)` returns a random number below `bound`.
pub(super) mod actions {
    use super::*;

    /// A thread with a random, small number of bytes left on its stack.
    pub(crate) fn little_stack(random: &mut dyn FnMut(u64) -> u64) {
        const BYTES: usize = 64 << 10;
        extern "C" fn run(low: *mut c_void) -> *mut c_void {
            // More stack than any signal frame needs: it must be left before the first sample,
            // which gives the thread its alternate stack.
            deep(low.addr(), 16 << 10, ROUNDS / 100);
            until_alternate(0);
            deep(low.addr(), LEFT.load(Relaxed) as usize, ROUNDS / 50);
            ptr::null_mut()
        }
        LEFT.store(1_024 + random(4_096), Relaxed);
        let stack = mapped(PAGE + BYTES, libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: this is the mapping made above; its first page becomes a guard page.
        let low = unsafe {
            libc::mprotect(stack.cast(), PAGE, libc::PROT_NONE);
            stack.add(PAGE)
        };
        join(c_thread(low, BYTES, run));
        // SAFETY: the thread on this stack has ended.
        unsafe { libc::munmap(stack.cast(), PAGE + BYTES) };
    }

    /// A thread with its own alternate stack of 8 KiB, and a handler that runs on it.
    pub(crate) fn alternate(random: &mut dyn FnMut(u64) -> u64) {
        extern "C" fn handler(_: i32) {
            spin_in_registers(ROUNDS / 200);
        }
        let signals = 1 + random(5);
        std::thread::spawn(move || {
            let stack = libc::stack_t {
                ss_sp: mapped(2 * PAGE, libc::PROT_READ | libc::PROT_WRITE).cast(),
                ss_flags: 0,
                ss_size: 2 * PAGE,
            };
            let mut before = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: 0, ss_size: 0 };
            // SAFETY: the stack lives until another one is set, and the handler as long as the
            // process.
            unsafe {
                assert_eq!(libc::sigaltstack(&raw const stack, &raw mut before), 0);
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = handler as extern "C" fn(i32) as usize;
                action.sa_flags = libc::SA_ONSTACK;
                libc::sigaction(libc::SIGUSR2, &raw const action, ptr::null_mut());
                for _ in 0..signals {
                    libc::raise(libc::SIGUSR2);
                }
                libc::sigaltstack(&raw const before, ptr::null_mut());
                libc::munmap(stack.ss_sp, stack.ss_size);
            }
        })
        .join()
        .unwrap();
    }

    /// Code without unwind information, on a stack of its own, with a frame pointer into an
    /// unmapped hole. Afterwards, the stack is unmapped.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn coroutine(random: &mut dyn FnMut(u64) -> u64) {
        const BYTES: usize = 256 << 10;
        let stack = mapped(BYTES, libc::PROT_READ | libc::PROT_WRITE);
        let code = nameless_code();
        // SAFETY: the upper half is not in use any more. The code switches to the lower half,
        // computes, and returns.
        unsafe {
            libc::munmap(stack.add(BYTES / 2).cast(), BYTES / 2);
            let call: extern "C" fn(usize, usize, u64) = std::mem::transmute(code);
            call(stack.addr() + BYTES / 4, stack.addr() + BYTES / 2 + random(4_096) as usize, ROUNDS / 50);
            libc::munmap(stack.cast(), BYTES / 2);
            libc::munmap(code.cast(), PAGE);
        }
    }

    /// Many short-lived threads at the same time.
    pub(crate) fn crowd(random: &mut dyn FnMut(u64) -> u64) {
        let threads: Vec<_> = (0..200 + random(300))
            .filter_map(|_| {
                let thread = std::thread::Builder::new().stack_size(512 << 10);
                thread.spawn(|| spin_in_registers(ROUNDS / 3_000)).ok()
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }

    /// A thread that receives signals by waiting for them.
    pub(crate) fn waits(random: &mut dyn FnMut(u64) -> u64) {
        let turns = 1 + random(3);
        std::thread::spawn(move || {
            // SAFETY: the sets of signals are valid.
            unsafe {
                let mut all = std::mem::zeroed();
                libc::sigfillset(&raw mut all);
                libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut());
                for _ in 0..turns {
                    let wait = libc::timespec { tv_sec: 0, tv_nsec: 3_000_000 };
                    libc::sigtimedwait(&raw const all, ptr::null_mut(), &raw const wait);
                    spin_in_registers(ROUNDS / 500);
                }
            }
        })
        .join()
        .unwrap();
    }
}
