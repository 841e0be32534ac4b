//! Functions of the operating system for scenarios.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use std::time::Duration;

/// `fork()`: returns 0 in the child.
///
/// # Panics
/// If the system refuses.
#[must_use]
pub fn fork() -> i32 {
    // SAFETY: the children of all callers run only code that needs no other thread.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    child
}

/// Ends the process immediately, without destructors.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: it only ends the process.
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

/// Computes until this thread has used this much CPU time, however loaded the machine is.
pub fn burn(cpu: Duration) {
    let start = thread_cpu();
    while thread_cpu() - start < cpu {
        (0..500_u64).for_each(|n| _ = std::hint::black_box(n));
    }
}

/// The number of voluntary context switches of this thread, for example for each sleep.
#[must_use]
pub fn switches() -> u64 {
    usage(libc::RUSAGE_THREAD).ru_nvcsw as u64
}

/// The kernel's id of this thread.
#[must_use]
pub fn thread_id() -> i32 {
    // SAFETY: the call has no arguments and cannot fail.
    unsafe { libc::gettid() }
}

/// Whether a thread of this process waits: it is in a system call, off the CPU.
#[must_use]
pub fn is_asleep(thread: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap_or_default();
    // The state follows the name, which may contain any characters.
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
        // SAFETY: the pointer was stored from a `fn()` below, before the key was set.
        let f: fn() = unsafe { std::mem::transmute(f) };
        f();
    }
    static KEY: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
    static FUNCTION: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
    let mut key: libc::pthread_key_t = 0;
    // SAFETY: `key` is a valid place for the result, and `run` has the required signature.
    let made = unsafe { libc::pthread_key_create(&raw mut key, Some(run)) };
    assert_eq!(made, 0);
    KEY.store(ptr::without_provenance_mut(key as usize), Relaxed);
    FUNCTION.store(f as *mut (), Relaxed);
    // SAFETY: the key exists.
    unsafe { libc::pthread_setspecific(key, ptr::without_provenance(1)) };
}

static HANDLER: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Runs `f` in a signal handler (SIGALRM) every `period` of wall time.
pub fn on_timer(period: Duration, f: fn()) {
    handle(libc::SIGALRM, f);
    set_timer(period);
}

/// Runs `f` in a handler of SIGTERM.
pub fn on_signal(f: fn()) {
    handle(libc::SIGTERM, f);
}

/// Restores the default actions of SIGINT and SIGTERM, whatever this process inherited: a shell
/// starts background jobs with SIGINT ignored.
pub fn default_signals() {
    // SAFETY: it only sets constants.
    unsafe {
        libc::signal(libc::SIGINT, libc::SIG_DFL);
        libc::signal(libc::SIGTERM, libc::SIG_DFL);
    }
}

/// Installs a handler of SIGTERM that runs the existing handler, and then `f`.
pub fn on_signal_before(f: fn()) {
    static BEFORE: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
    static THEN: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
    extern "C" fn run(signal: libc::c_int) {
        // SAFETY: the previous action is a handler, and the other pointer was stored from a `fn()`.
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
        assert!(before.sa_sigaction > libc::SIG_IGN, "there is no previous handler");
        BEFORE.store(ptr::with_exposed_provenance_mut(before.sa_sigaction), Relaxed);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = run as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGTERM, &raw const action, ptr::null_mut());
    }
}

/// Installs `f` as a handler. There is one function for all signals.
fn handle(signal: libc::c_int, f: fn()) {
    extern "C" fn run(_: libc::c_int) {
        // SAFETY: the pointer was stored from a `fn()` before the handler was installed.
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

/// Stops the signals of [`on_timer`].
pub fn stop_timer() {
    set_timer(Duration::ZERO);
}

fn set_timer(period: Duration) {
    let time = libc::timeval { tv_sec: 0, tv_usec: period.as_micros() as libc::suseconds_t };
    let timer = libc::itimerval { it_interval: time, it_value: time };
    // SAFETY: `timer` is valid; the old value is not requested.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, ptr::null_mut()) };
}

/// From now on the system refuses new threads to this process, with `EAGAIN` as at a limit. Returns
/// `false` if filters are not available.
pub fn refuse_threads() -> bool {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    // The number of the system call is the first word of a filter's input.
    let mut filter = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for call in [libc::SYS_clone, libc::SYS_clone3] {
        let is_it = statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32);
        filter.push(libc::sock_filter { jf: 1, ..is_it });
        filter.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EAGAIN as u32));
    }
    filter.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program lives until the kernel has copied it.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program)
    };
    if refused != 0 {
        println!("SKIPPED: no system call filters: {}", std::io::Error::last_os_error());
    }
    refused == 0
}

/// Limits the number of descriptors that this process may have open.
///
/// # Panics
/// If the system refuses.
pub fn limit_descriptors(number: u64) {
    let limit = libc::rlimit { rlim_cur: number, rlim_max: number };
    // SAFETY: `limit` is valid.
    let refused = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(refused, 0, "{}", std::io::Error::last_os_error());
}

/// Locks a file (`flock`) until it is closed. Returns `false` if the file is locked already.
#[must_use]
pub fn lock_file(file: &std::fs::File) -> bool {
    // SAFETY: the descriptor is of an open file.
    unsafe { libc::flock(std::os::fd::AsRawFd::as_raw_fd(file), libc::LOCK_EX | libc::LOCK_NB) == 0 }
}

/// Prints that a test is skipped. Fails if `PERF_TEST_REQUIRE_TOOLS` is set.
fn skip(why: &str) {
    assert!(std::env::var_os("PERF_TEST_REQUIRE_TOOLS").is_none(), "{why}");
    println!("SKIPPED: {why}");
}

/// Removes `/proc` from this process, which has only one thread yet. Returns `false` if it lacks
/// the privileges.
#[must_use]
pub fn without_proc() -> bool {
    // SAFETY: the arguments are C strings, or null where allowed. From then on, only this process
    // uses the namespace.
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

/// From now on this folder is the root of this process. Returns `false` if it lacks the privileges.
#[must_use]
pub fn change_root(folder: &std::path::Path) -> bool {
    let path = std::ffi::CString::new(std::os::unix::ffi::OsStrExt::as_bytes(folder.as_os_str())).expect("a path");
    // SAFETY: the arguments are C strings.
    let done = unsafe { libc::chroot(path.as_ptr()) == 0 && libc::chdir(c"/".as_ptr()) == 0 };
    if !done {
        skip(&format!("the root cannot be changed: {}", std::io::Error::last_os_error()));
    }
    done
}
