//! Stack samples: one process for each scenario, with each way to signal threads; and readers of
//! the profiles.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use perf_sdk_tests::{eventually, has, run};

const STACKS: &str = env!("CARGO_BIN_EXE_stacks");
const LABELS: &str = env!("CARGO_BIN_EXE_labels");

/// Ways to signal threads that can be selected.
const ENGINES: [&str; 2] = ["cpu-timer", "perf-clock"];

macro_rules! scenarios {
    ($program:ident: $($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            print!("{}", String::from_utf8_lossy(&run($program, stringify!($name), &[]).stdout));
        })+
    };
}

scenarios! {
    LABELS:
    labels,
    many_labels,
    spans,
    wall,
    chosen,
    silent,
    wall_taken_over,
    beside,
}

scenarios! {
    STACKS:
    taken_signal,
    taken_over,
    descriptors,
    bursts,
    forked,
    forked_account,
    little_memory,
    restarts,
    heap_stacks,
    off,
    seccomp_events,
    seccomp_later,
    seccomp_kills,
    forks,
    fork_handlers,
    two_forks,
    child_s_own_descriptors,
    no_memory,
    little_stack,
    small_alternate,
    hole,
    waits_for_signals,
    no_proc,
}

/// A stack overflow during sampling: the standard library still prints its message.
#[test]
fn a_stack_overflow_is_reported() {
    for round in 0..12 {
        let output = Command::new(STACKS).arg("overflow").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("thread 'deep one'") && said.contains("has overflowed its stack"), "{round}: {said}");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(6), "{round}");
    }
}

/// Timers of many threads use a resource with a limit for each user, so these tests run one at a
/// time.
static CROWDED: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    CROWDED.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[test]
fn pending_signals() {
    let _alone = alone();
    print!("{}", String::from_utf8_lossy(&run(STACKS, "pending_signals", &[]).stdout));
}

/// Regression test: sampling stayed off.
#[test]
fn timers_that_are_all_in_use_at_the_start() {
    run(STACKS, "no_pending_signals", &[]);
}

#[test]
fn many_threads() {
    let _alone = alone();
    print!("{}", String::from_utf8_lossy(&run(LABELS, "many_threads", &[]).stdout));
}

/// The pprof crate leaves a file for each process that used it.
fn with_the_pprof_crate(scenario: &str) {
    in_a_folder(scenario);
}

/// The root of the process becomes an empty folder.
#[test]
fn changed_root() {
    in_a_folder("changed_root");
}

/// With a separate folder for temporary files.
fn in_a_folder(scenario: &str) {
    let folder = folder(scenario);
    let output = run(STACKS, scenario, &[("TMPDIR", &folder.display().to_string())]);
    print!("{}", String::from_utf8_lossy(&output.stdout));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_pprof_crate_replaces_the_sampler() {
    with_the_pprof_crate("pprof_crate");
    with_the_pprof_crate("seccomp_timers");
    with_the_pprof_crate("seccomp_kills_pprof");
}

#[test]
fn the_program_s_own_sigprof_handler_is_kept() {
    with_the_pprof_crate("prof_taken");
    with_the_pprof_crate("prof_taken_over");
}

/// Whether threads can be signalled like this here: many containers and hosts forbid perf events.
fn works(engine: &str) -> bool {
    let output = run(STACKS, "probe", &[("PERF_STACKS", engine)]);
    let state = String::from_utf8_lossy(&output.stdout);
    let works = state.trim() == format!("on, {engine}");
    if !works {
        eprintln!("SKIPPED: {engine}: {}", state.trim());
    }
    works
}

fn under_each(scenario: &str) {
    for engine in ENGINES.into_iter().filter(|engine| works(engine)) {
        let output = run(STACKS, scenario, &[("PERF_STACKS", engine)]);
        print!("{engine}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn samples_represent_the_cpu_time_that_was_used() {
    let _alone = alone();
    under_each("coverage");
}

#[test]
fn inlined_functions_get_their_shares() {
    under_each("attribution");
}

#[test]
fn samples_have_their_scope() {
    under_each("scopes");
}

/// `ld-linux-x86-64.so.2 ./program`: the kernel executes the loader.
#[test]
fn a_program_started_through_the_loader_has_its_names() {
    let loader = std::fs::read(STACKS).map(|file| interpreter_of(&file)).unwrap().expect("a dynamic program");
    let output = Command::new(&loader).args([STACKS, "attribution"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The loader that a program requests.
fn interpreter_of(file: &[u8]) -> Option<String> {
    let at = file.windows(7).position(|bytes| bytes == b"/ld-lin")?;
    let start = file[..at].iter().rposition(|byte| *byte == 0)? + 1;
    let end = at + file[at..].iter().position(|byte| *byte == 0)?;
    String::from_utf8(file[start..end].to_vec()).ok()
}

#[test]
fn nothing_breaks_under_many_signals() {
    let _alone = alone();
    for engine in ENGINES.into_iter().filter(|engine| works(engine)) {
        for seed in ["1", "2"] {
            let output = run(STACKS, "robust", &[("PERF_STACKS", engine), ("SECONDS", "2"), ("SEED", seed)]);
            print!("{}", String::from_utf8_lossy(&output.stdout));
        }
    }
}

/// The bytes that sampling adds to the resident memory, with this many busy threads.
fn added(threads: u64) -> i64 {
    let resident = |stacks: &str| -> i64 {
        let environment = [("PERF_STACKS", stacks), ("THREADS", &threads.to_string()), ("SECONDS", "2"), ("IDLE", "")];
        let output = run(STACKS, "resident", &environment);
        String::from_utf8_lossy(&output.stdout).split_whitespace().next().unwrap().parse().unwrap()
    };
    resident("auto") - resident("off")
}

/// Measured before any names are looked up.
#[test]
fn sampling_uses_little_memory() {
    const MANY: u64 = 64;
    let (one, many) = (added(1), added(MANY));
    let each = (many - one) / (MANY as i64 - 1);
    println!("{} KiB with a thread, {} KiB for each further one", one >> 10, each >> 10);
    assert!(each <= 256 << 10 && one <= 8 << 20, "{each} a thread, {one} with one of them");
}

/// In a folder with the process id, so that two tests do not collide.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("perf-sdk-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn binutils(command: &str, arguments: &[&str], folder: &Path) {
    let status = Command::new(command).args(arguments).current_dir(folder).status().unwrap();
    assert!(status.success(), "{command} {arguments:?}");
}

/// The share of CPU time with a function's name, and the share with a place in the program only.
fn known(program: &Path) -> (f64, f64) {
    let output = run(&program.display().to_string(), "stripped", &[]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = said.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    assert!(numbers[2] > 0.0, "{said}");
    (numbers[0], numbers[1])
}

/// Without debug information, a measured future is shown as its function, which is known from the
/// scope.
#[test]
fn futures_without_debug_information_have_the_names_of_their_scopes() {
    if !has("objcopy", &["--version"], "install Debian's binutils") {
        return;
    }
    let folder = folder("nameless");
    std::fs::copy(STACKS, folder.join("whole")).unwrap();
    binutils("objcopy", &["--strip-debug", "whole", "nameless"], &folder);
    let output = run(&folder.join("nameless").display().to_string(), "nameless_futures", &[]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    std::fs::remove_dir_all(&folder).unwrap();
    let shares: Vec<f64> = said.split_whitespace().map(|number| number.parse().unwrap()).collect();
    // The rest is in the profiler's own threads, and in switches between futures.
    assert!(shares[0] > 0.6 && shares[1] < 0.05, "{shares:?}");
}

/// A stripped program has the same stacks, with places instead of names. With its own debug file
/// beside it, it has names; another program's debug file is not used.
#[test]
fn a_stripped_program_has_its_names_from_its_debug_file() {
    if !has("objcopy", &["--version"], "install Debian's binutils") {
        return;
    }
    let folder = folder("stripped");
    std::fs::copy(STACKS, folder.join("whole")).unwrap();
    binutils("objcopy", &["--only-keep-debug", "whole", "stripped.debug"], &folder);
    binutils("objcopy", &["--strip-all", "whole", "stripped"], &folder);
    binutils("objcopy", &["--add-gnu-debuglink=stripped.debug", "stripped"], &folder);
    let with = known(&folder.join("stripped"));
    std::fs::rename(folder.join("stripped.debug"), folder.join("elsewhere")).unwrap();
    let without = known(&folder.join("stripped"));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(with.0 > 0.5, "{with:?}");
    assert!(without.0 == 0.0 && without.1 > 0.9, "{without:?}");
}

/// The header of a section of a 64-bit file: its offset in the file.
fn section_header(file: &[u8], name: &str) -> usize {
    let long = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    let half = |at: usize| usize::from(u16::from_le_bytes(file[at..at + 2].try_into().unwrap()));
    let (table, names) = (long(40), half(62));
    let names = long(table + names * 64 + 24);
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let is_it = |header: &usize| file[names + word(*header)..].starts_with(&[name.as_bytes(), &[0]].concat());
    (0..half(60)).map(|n| table + n * 64).find(is_it).unwrap_or_else(|| panic!("no section {name}"))
}

/// A damaged debug file only costs names: the program goes on, and its samples are places in it. A
/// compressed debug file works too.
#[test]
fn debug_files_that_are_damaged_cost_names_only() {
    if !has("objcopy", &["--version"], "install Debian's binutils") {
        return;
    }
    let folder = folder("damaged");
    std::fs::copy(STACKS, folder.join("whole")).unwrap();
    binutils("objcopy", &["--only-keep-debug", "whole", "good.debug"], &folder);
    binutils("objcopy", &["--compress-debug-sections=zlib", "good.debug", "zlib.debug"], &folder);
    binutils("objcopy", &["--compress-debug-sections=zlib-gnu", "good.debug", "old.debug"], &folder);
    binutils("objcopy", &["--strip-all", "whole", "stripped"], &folder);
    std::fs::write(folder.join("stripped.debug"), "").unwrap();
    binutils("objcopy", &["--add-gnu-debuglink=stripped.debug", "stripped"], &folder);
    let (program, debug) = (folder.join("stripped"), folder.join("stripped.debug"));
    for whole in ["zlib.debug", "old.debug"] {
        std::fs::copy(folder.join(whole), &debug).unwrap();
        let known = known(&program);
        assert!(known.0 > 0.5, "{whole}: {known:?}");
    }
    let good = std::fs::read(folder.join("good.debug")).unwrap();
    let packed = std::fs::read(folder.join("zlib.debug")).unwrap();
    let long = |file: &[u8], at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    let contents = |file: &[u8], name: &str| {
        let header = section_header(file, name);
        let start = long(file, header + 24) as usize;
        start..start + long(file, header + 32) as usize
    };
    let mut damaged: Vec<(&str, Vec<u8>)> = vec![("half", good[..good.len() / 2].to_vec())];
    let mut claims = packed.clone();
    let at = contents(&packed, ".debug_info").start + 8;
    claims[at..at + 8].copy_from_slice(&(1_u64 << 50).to_le_bytes());
    damaged.push(("a compressed section claims to be longer than any memory", claims));
    let mut cut = packed.clone();
    let info = contents(&packed, ".debug_info");
    cut[info.start + info.len() / 2..info.end].fill(0xff);
    damaged.push(("a compressed section that ends in the middle", cut));
    let mut longer = good.clone();
    let header = section_header(&good, ".debug_info");
    longer[header + 32..header + 40].copy_from_slice(&(1_u64 << 60).to_le_bytes());
    damaged.push(("a section that is longer than the file", longer));
    let mut ones = good.clone();
    for name in [".debug_abbrev", ".debug_info", ".debug_line"] {
        ones[contents(&good, name)].iter_mut().step_by(9_973).for_each(|byte| *byte = 0xff);
    }
    damaged.push(("sections with other bytes in between", ones));
    for (what, file) in &damaged {
        std::fs::write(&debug, file).unwrap();
        let known = known(&program);
        println!("{what}: {known:?}");
    }
    // Whoever opens this FIFO would wait for a writer.
    std::fs::remove_file(&debug).unwrap();
    assert!(Command::new("mkfifo").arg(&debug).status().unwrap().success());
    let known = known(&program);
    assert!(known.0 == 0.0 && known.1 > 0.9, "{known:?}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The debug file is truncated and rewritten all the time, while it is read.
#[test]
fn a_debug_file_may_be_written_to_while_it_is_read() {
    if !has("objcopy", &["--version"], "install Debian's binutils") {
        return;
    }
    let folder = folder("rewritten");
    std::fs::copy(STACKS, folder.join("whole")).unwrap();
    binutils("objcopy", &["--only-keep-debug", "whole", "stripped.debug"], &folder);
    binutils("objcopy", &["--strip-all", "whole", "stripped"], &folder);
    binutils("objcopy", &["--add-gnu-debuglink=stripped.debug", "stripped"], &folder);
    let (program, debug) = (folder.join("stripped"), folder.join("stripped.debug"));
    let good = std::fs::read(&debug).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = std::fs::File::options().write(true).open(&debug).unwrap();
            while !is_over.load(Relaxed) {
                file.set_len(8_192).unwrap();
                file.write_all_at(&good, 0).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        // Names or places: the result varies, but the run must end.
        for _ in 0..3 {
            let ended = std::panic::catch_unwind(|| known(&program));
            is_over.store(ended.is_err(), Relaxed);
            println!("{:?}", ended.unwrap());
        }
        is_over.store(true, Relaxed);
    });
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The handler makes no system call: the trace of a computing thread contains only returns from the
/// handler, and once the call by which the thread gets its alternate signal stack.
#[test]
fn the_handler_makes_no_system_call() {
    if !has("strace", &["-V"], "install Debian's strace") {
        return;
    }
    let folder = folder("strace");
    let trace = folder.join("trace");
    let mut program = Command::new(STACKS)
        .arg("quiet")
        .env("PERF_STACKS", "cpu-timer")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut thread = String::new();
    let mut said = BufReader::new(program.stdout.take().unwrap());
    said.read_line(&mut thread).unwrap();
    // This thread only: another one reads a clock a million times, and would stop for the tracer
    // each time.
    let strace = Command::new("strace")
        .args(["--quiet=all", "-p", thread.trim(), "-o"])
        .arg(&trace)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::copy(&mut said, &mut std::io::sink()).unwrap();
    let [output, strace] = [program, strace].map(|child| child.wait_with_output().unwrap());
    for output in [&output, &strace] {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = std::fs::read_to_string(&trace).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let own: Vec<&str> = text.lines().collect();
    let says = |line: &&str| line.contains("write(1,");
    let own = &own[own.iter().position(says).unwrap() + 1..own.iter().rposition(says).unwrap()];
    let first = own.iter().position(|line| line.contains("SIGURG")).expect("a signal");
    let last = own.iter().rposition(|line| line.contains("rt_sigreturn")).expect("a return");
    let is_usual = |line: &&&str| line.contains("SIGURG") || line.contains("rt_sigreturn");
    let others: Vec<&&str> = own[first..=last].iter().filter(|line| !is_usual(line)).collect();
    // A call is split into two lines if another thread ran in between.
    let is_known = |line: &&&str| line.contains("sigaltstack");
    let calls = others.iter().filter(|line| is_known(line) && line.contains("sigaltstack(")).count();
    let others: Vec<&&&str> = others.iter().filter(|line| !is_known(line)).collect();
    assert!(calls <= 1, "{calls} alternate stacks");
    assert!(last - first > 10 && others.is_empty(), "{:?}", &others[..others.len().min(20)]);
}

/// A process that serves until this drops.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start() -> Self {
        let mut child = Command::new(STACKS).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }

    /// The output of Go's own reader for a profile that it fetches itself.
    fn read(&self, folder: &Path, arguments: &[&str], place: &str) -> String {
        let path = place.strip_prefix('/').map_or_else(|| format!("debug/pprof/{place}"), str::to_owned);
        let output = Command::new("go")
            // Names are looked up after the window. With an unoptimised build, beside other tests,
            // this takes longer than Go's default timeout.
            .args(["tool", "pprof", "-timeout=60"])
            .args(arguments)
            .arg(format!("http://{}/{path}", self.address))
            .env("PPROF_TMPDIR", folder)
            .env("HOME", folder)
            .output()
            .unwrap();
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{place} {arguments:?}: {said}\n{complained}");
        said.into_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn gos_pprof_fetches_every_profile() {
    if !has("go", &["version"], "install Debian's golang-go") {
        return;
    }
    let folder = folder("go");
    let served = Served::start();
    let read = |arguments: &[&str], place: &str| served.read(&folder, arguments, place);
    // Addresses whose names were not found in time are shown as places, and have their names in a
    // later profile.
    eventually(|| {
        let top = read(&["-top"], "profile?seconds=1");
        if top.contains("stacks::work") && top.contains("Type: cpu") && top.contains("coverage") {
            Ok(())
        } else {
            Err(top)
        }
    });
    let unnamed = read(&["-top", "-symbolize=none"], "profile?seconds=1&names=off");
    assert!(unnamed.contains("[stacks]") && !unnamed.contains("stacks::work"), "{unnamed}");
    let named_by_its_reader = read(&["-top", "-symbolize=remote"], "profile?seconds=1&names=off");
    assert!(named_by_its_reader.contains("stacks::work"), "{named_by_its_reader}");
    let raw = read(&["-raw"], "profile?seconds=1&hz=250");
    assert!(raw.contains("PeriodType: cpu nanoseconds") && raw.contains("Period: 4000000"), "{raw}");
    assert!(raw.contains("scope:[stacks::busy]") && raw.contains("thread:[stacks]"), "{raw}");
    let traces = read(&["-traces"], "profile?seconds=1");
    assert!(traces.contains("stacks::spin") && traces.contains("scope:  stacks::busy"), "{traces}");
    let rooted = read(&["-top", "-tagroot", "scope"], "profile?seconds=1");
    assert!(rooted.lines().any(|line| line.ends_with(" stacks::busy")), "{rooted}");
    let scopes = read(&["-top", "-sample_index=cpu"], "scopes?seconds=1");
    assert!(scopes.contains("stacks::busy"), "{scopes}");
    let wall = read(&["-top", "-sample_index=offcpu"], "/debug/fgprof?seconds=1&threads=stacks");
    assert!(wall.contains("Type: offcpu") && wall.contains(" threads (stacks), 99 per second each: "), "{wall}");
    for (place, kind) in [("heap", "inuse_space"), ("allocs", "alloc_space"), ("goroutine", "goroutine")] {
        let top = read(&["-top"], place);
        assert!(top.contains(&format!("Type: {kind}")), "{place}: {top}");
    }
    drop(served);
    std::fs::remove_dir_all(&folder).unwrap();
}
