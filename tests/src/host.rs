//! What scenarios need of the operating system.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use std::time::Duration;

/// `fork()`: 0 in the child.
///
/// # Panics
/// When the system refuses.
#[must_use]
pub fn fork() -> i32 {
    // SAFETY: the callers' children go on with code that needs no other thread.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    child
}

/// Ends the process at once, without destructors.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

/// Waits for a child and returns its exit code, or its signal as a negative number.
#[must_use]
pub fn wait_for(child: i32) -> i32 {
    let mut status = 0;
    // SAFETY: `status` is a valid place for the result.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) }
}

fn usage(whose: libc::c_int) -> libc::rusage {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` is a valid place for the result, and zeros are a valid value of it.
    unsafe {
        libc::getrusage(whose, usage.as_mut_ptr());
        usage.assume_init()
    }
}

/// CPU time of this process, from the kernel.
#[must_use]
pub fn process_cpu() -> Duration {
    let usage = usage(libc::RUSAGE_SELF);
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1_000);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// CPU time of this thread, from the kernel.
#[must_use]
pub fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Computes until this thread has used so much CPU time, however busy the machine is.
pub fn burn(cpu: Duration) {
    let start = thread_cpu();
    while thread_cpu() - start < cpu {
        (0..500_u64).for_each(|n| _ = std::hint::black_box(n));
    }
}

/// How often this thread gave the processor up by itself, as for each sleep.
#[must_use]
pub fn switches() -> u64 {
    usage(libc::RUSAGE_THREAD).ru_nvcsw as u64
}

/// The kernel's number of this thread.
#[must_use]
pub fn thread_id() -> i32 {
    // SAFETY: no arguments, cannot fail.
    unsafe { libc::gettid() }
}

/// Whether a thread of this process waits for something: in a system call, off the CPU.
#[must_use]
pub fn is_asleep(thread: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap_or_default();
    // The state follows the name, which may hold anything.
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
}

/// Runs `f` when the process exits.
pub fn at_exit(f: fn()) {
    static LAST: Mutex<Option<fn()>> = Mutex::new(None);
    extern "C" fn run() {
        let f = LAST.lock().ok().and_then(|mut f| f.take());
        if let Some(f) = f {
            f();
        }
    }
    if let Ok(mut last) = LAST.lock() {
        *last = Some(f);
    }
    // SAFETY: `run` lives as long as the process.
    unsafe { libc::atexit(run) };
}

/// Runs `f` in the last round of this thread's POSIX key destructors.
pub fn at_key_destruction(f: fn()) {
    extern "C" fn run(value: *mut libc::c_void) {
        let round = value.addr();
        if round < 3 {
            let key = KEY.load(Relaxed).addr() as libc::pthread_key_t;
            // SAFETY: the key exists; setting it again asks for another round.
            unsafe { libc::pthread_setspecific(key, ptr::without_provenance(round + 1)) };
            return;
        }
        let f = FUNCTION.load(Relaxed);
        // SAFETY: stored from a `fn()` below, before the key was set.
        let f: fn() = unsafe { std::mem::transmute(f) };
        f();
    }
    static KEY: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
    static FUNCTION: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
    let mut key: libc::pthread_key_t = 0;
    // SAFETY: `key` is a valid place for the result; `run` has the signature that is asked for.
    let made = unsafe { libc::pthread_key_create(&raw mut key, Some(run)) };
    assert_eq!(made, 0);
    KEY.store(ptr::without_provenance_mut(key as usize), Relaxed);
    FUNCTION.store(f as *mut (), Relaxed);
    // SAFETY: the key exists.
    unsafe { libc::pthread_setspecific(key, ptr::without_provenance(1)) };
}

static HANDLER: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Runs `f` in a signal handler every `period` of process CPU time.
pub fn on_timer(period: Duration, f: fn()) {
    handle(libc::SIGALRM, f);
    set_timer(period);
}

/// Runs `f` in a handler of SIGTERM.
pub fn on_signal(f: fn()) {
    handle(libc::SIGTERM, f);
}

/// SIGINT and SIGTERM do what they do by themselves, whatever this process was started with: a
/// shell has its background jobs ignore SIGINT.
pub fn default_signals() {
    // SAFETY: sets constants.
    unsafe {
        libc::signal(libc::SIGINT, libc::SIG_DFL);
        libc::signal(libc::SIGTERM, libc::SIG_DFL);
    }
}

/// Runs the handler of SIGTERM that there is, and then `f`.
pub fn on_signal_before(f: fn()) {
    static BEFORE: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
    static THEN: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
    extern "C" fn run(signal: libc::c_int) {
        // SAFETY: what was there before is a handler, and the other was stored from a `fn()`.
        let before: extern "C" fn(libc::c_int) = unsafe { std::mem::transmute(BEFORE.load(Relaxed)) };
        // SAFETY: as above.
        let then: fn() = unsafe { std::mem::transmute(THEN.load(Relaxed)) };
        before(signal);
        then();
    }
    THEN.store(f as *mut (), Relaxed);
    // SAFETY: both actions are valid; `run` lives as long as the process.
    unsafe {
        let mut before: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGTERM, ptr::null(), &raw mut before);
        assert!(before.sa_sigaction > libc::SIG_IGN, "there is a handler");
        BEFORE.store(ptr::with_exposed_provenance_mut(before.sa_sigaction), Relaxed);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = run as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGTERM, &raw const action, ptr::null_mut());
    }
}

/// One function for all signals.
fn handle(signal: libc::c_int, f: fn()) {
    extern "C" fn run(_: libc::c_int) {
        // SAFETY: stored from a `fn()` before the handler was installed.
        let f: fn() = unsafe { std::mem::transmute(HANDLER.load(Relaxed)) };
        f();
    }
    HANDLER.store(f as *mut (), Relaxed);
    // SAFETY: a zeroed `sigaction` with a handler and SA_RESTART is valid; `run` lives as long as
    // the process.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = run as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, &raw const action, ptr::null_mut());
    }
}

/// No more signals.
pub fn stop_timer() {
    set_timer(Duration::ZERO);
}

fn set_timer(period: Duration) {
    let time = libc::timeval { tv_sec: 0, tv_usec: period.as_micros() as libc::suseconds_t };
    let timer = libc::itimerval { it_interval: time, it_value: time };
    // SAFETY: `timer` is valid; the old value is not asked for.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, ptr::null_mut()) };
}

/// From now on the system has no thread for this process: `EAGAIN`, as at a limit. `false`: there
/// are no filters here.
pub fn refuse_threads() -> bool {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    // The number of the call is the first word of what a filter sees.
    let mut filter = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for call in [libc::SYS_clone, libc::SYS_clone3] {
        let is_it = statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32);
        filter.push(libc::sock_filter { jf: 1, ..is_it });
        filter.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EAGAIN as u32));
    }
    filter.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: a program that lives until the kernel has copied it.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program)
    };
    if refused != 0 {
        println!("SKIPPED: no filters of system calls: {}", std::io::Error::last_os_error());
    }
    refused == 0
}

/// Takes the system's lock on a file; it is held until the file is closed. `false`: somebody has
/// it.
#[must_use]
pub fn lock_file(file: &std::fs::File) -> bool {
    // SAFETY: an open file's descriptor.
    unsafe { libc::flock(std::os::fd::AsRawFd::as_raw_fd(file), libc::LOCK_EX | libc::LOCK_NB) == 0 }
}

/// Says that a test is skipped, which is a failure where everything is to be there.
fn skip(why: &str) {
    assert!(std::env::var_os("PERF_TEST_REQUIRE_TOOLS").is_none(), "{why}");
    println!("SKIPPED: {why}");
}

/// Takes `/proc` from this process, which has one thread yet. `false`: that takes rights that it
/// has not.
#[must_use]
pub fn without_proc() -> bool {
    // SAFETY: C strings, and null where nothing is said. The namespace is this process's alone from
    // then on.
    let done = unsafe {
        libc::unshare(libc::CLONE_NEWNS) == 0
            && libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), libc::MS_REC | libc::MS_PRIVATE, ptr::null()) == 0
            && libc::umount2(c"/proc".as_ptr(), libc::MNT_DETACH) == 0
    };
    if !done {
        skip(&format!("/proc cannot be taken away: {}", std::io::Error::last_os_error()));
    }
    done
}

/// From now on this folder is the root of this process. `false`: that takes rights that it has not.
#[must_use]
pub fn change_root(folder: &std::path::Path) -> bool {
    let path = std::ffi::CString::new(std::os::unix::ffi::OsStrExt::as_bytes(folder.as_os_str())).expect("a path");
    // SAFETY: C strings.
    let done = unsafe { libc::chroot(path.as_ptr()) == 0 && libc::chdir(c"/".as_ptr()) == 0 };
    if !done {
        skip(&format!("the root cannot be changed: {}", std::io::Error::last_os_error()));
    }
    done
}
