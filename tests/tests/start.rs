//! A setting that was not given explicitly never fails a start. The end of the profiler, wherever
//! it happens, never panics or hangs.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use perf_sdk_tests::{lock_file, run};

const START: &str = env!("CARGO_BIN_EXE_start");

/// A temporary folder of one test, deleted afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("perf-sdk-test-start-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a plain name")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the folder").flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Without a runtime directory, and with this folder for temporary files.
fn within<'a>(folder: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [("XDG_RUNTIME_DIR", ""), ("TMPDIR", folder)].into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn without_a_folder_for_the_token_changes_are_refused() {
    let file = Folder::new("a-file-as-a-folder");
    fs::write(file.0.join("file"), "").expect("a file");
    let not_a_folder = format!("{}/file", file.path());
    for folder in ["/no/such/folder", &not_a_folder, "/proc"] {
        let said = said(&run(START, "refuses_changes", &within(folder, &[])));
        assert!(said.lines().count() == 1 && said.contains("PERF_TOKEN") && said.contains(folder), "{said}");
    }
}

#[test]
fn an_explicit_token_needs_no_folder() {
    let given = [("PERF_TOKEN", "a-token-of-some-length")];
    let output = run(START, "allows_changes", &within("/no/such/folder", &given));
    assert!(!said(&output).contains("a-token-of-some-length"), "{}", said(&output));
}

#[test]
fn an_explicit_token_file_that_cannot_be_created_is_an_error() {
    let folder = Folder::new("asked");
    let (theirs, empty) = (folder.0.join("theirs"), folder.0.join("empty"));
    // The format of `openssl rand -hex 32`.
    let secret = format!("{}\n", "0123456789abcdef".repeat(4));
    fs::write(&theirs, &secret).expect("a file");
    fs::write(&empty, "").expect("a file");
    let plain = |path: &PathBuf| path.to_str().expect("a plain name").to_owned();
    for path in ["/no/such/folder/token", "/proc/token", folder.path(), &plain(&theirs), &plain(&empty)] {
        let output = run(START, "says_why", &[("PERF_TOKEN_FILE", path)]);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(printed.contains(path) && printed.contains("PERF_TOKEN_FILE"), "{printed}");
    }
    assert_eq!(fs::read_to_string(&theirs).expect("the file still exists"), secret);
    assert!(empty.exists());
}

/// The token is stored at the path that stderr names, readable for this user only, and printed
/// nowhere.
#[test]
fn the_token_is_only_in_its_file() {
    let folder = Folder::new("told");
    let output = run(START, "foreign_names", &within(folder.path(), &[]));
    let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(
        token.len() == 73 && token.starts_with("perf-sdk-") && !said(&output).contains(&token),
        "{}",
        said(&output)
    );
    assert!(said(&output).contains(&format!("{}/perf-sdk-", folder.path())), "{}", said(&output));
    assert!(said(&output).contains("outer"), "the report: {}", said(&output));
}

#[test]
fn only_files_of_ended_processes_are_removed() {
    let folder = Folder::new("left");
    let left = within(folder.path(), &[]);
    run(START, "leaves_its_file", &left);
    let dead = folder.names();
    let [name] = &dead[..] else { panic!("{dead:?}") };
    let process = name.split('-').nth(2).expect("its process");
    let mode = fs::metadata(folder.0.join(name)).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // A file of a living process whose id is another one here: it runs in a container that shares
    // the folder.
    let held = format!("perf-sdk-{process}-00000000000000aa.token");
    let file = fs::File::create(folder.0.join(&held)).expect("a file");
    assert!(lock_file(&file));
    let alive = format!("perf-sdk-{}-00000000000000bb.token", std::process::id());
    let others = ["notes.token", "perf-sdk-1.token", "perf-sdk-x-00000000000000aa.token", "perf-sdk-1-0.token"];
    for name in others.iter().copied().chain([alive.as_str()]) {
        fs::write(folder.0.join(name), "").expect("a file");
    }
    let link = format!("perf-sdk-{process}-00000000000000cc.token");
    symlink(folder.0.join("notes.token"), folder.0.join(&link)).expect("a link");
    fs::create_dir(folder.0.join(format!("perf-sdk-{process}-00000000000000dd.token"))).expect("a folder");
    let before = folder.names();
    run(START, "allows_changes", &left);
    let expected: Vec<String> = before.iter().filter(|there| *there != name).cloned().collect();
    assert_eq!(folder.names(), expected);
    // The file is not locked any more.
    drop(file);
    run(START, "allows_changes", &left);
    assert_eq!(folder.names(), expected.into_iter().filter(|there| *there != held).collect::<Vec<_>>());
}

/// As in two containers, in each of which the process has the id 1.
#[test]
fn many_starts_at_once_share_a_folder() {
    let folder = Folder::new("shared");
    let start = || {
        let mut command = Command::new(START);
        command.arg("allows_changes").envs(within(folder.path(), &[])).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("a process")
    };
    let processes: Vec<_> = (0..8).map(|_| start()).collect();
    for mut process in processes {
        assert!(process.wait().expect("its end").success());
    }
    assert_eq!(folder.names(), Vec::<String>::new());
}

#[test]
fn without_threads_recording_works_and_missing_parts_are_reported() {
    let output = run(START, "no_threads", &[]);
    let said = said(&output);
    if !output.stdout.is_empty() && !String::from_utf8_lossy(&output.stdout).contains("SKIPPED") {
        assert!(said.lines().count() == 2, "one line for the endpoint, one for the rest: {said}");
        for part in ["endpoint", "budget", "leaks", "stacks", "memory"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

#[test]
fn without_descriptors_recording_works() {
    let output =
        Command::new("sh").args(["-c", "ulimit -n 64; exec \"$0\" no_descriptors", START]).output().expect("a shell");
    assert!(output.status.success(), "{}", said(&output));
    assert!(!said(&output).contains("panicked"), "{}", said(&output));
}

#[test]
fn a_token_sent_in_plain_text_causes_a_warning() {
    let with = |server, token| {
        let environment =
            [("PERF_PUSH", server), ("PERF_PUSH_TOKEN", token), ("PERF_PUSH_INTERVAL", "1h"), ("PERF_STACKS", "off")];
        said(&run(START, "starts", &environment))
    };
    for server in ["http://192.0.2.1:4040", "http://pyroscope.example", "http://[2001:db8::1]:4040/x"] {
        let said = with(server, "bearer-of-secrets");
        assert!(said.lines().count() == 1 && said.contains("PERF_PUSH_TOKEN") && said.contains(server), "{said}");
        assert!(!said.contains("bearer-of-secrets"), "{said}");
        assert_eq!(with(server, ""), "");
    }
    for server in ["http://127.0.0.1:4040", "http://127.8.0.1", "http://localhost:4040", "http://[::1]:4040/x"] {
        assert_eq!(with(server, "bearer-of-secrets"), "", "{server}");
    }
}

macro_rules! ends {
    ($($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            run(START, stringify!($name), &[]);
        })+
    };
}

ends! {
    end_in_on_pressure,
    end_in_on_leak,
    end_in_panic_hook,
    end_in_panic_hook_of_a_callback,
    end_in_thread_local,
    end_after_thread_locals,
    all_after_thread_locals,
    end_beside_a_callback_that_waits,
    start_in_a_callback_of_the_end,
}

#[test]
fn all_at_exit() {
    let output = run(START, "all_at_exit", &[]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "all at exit\n", "{}", said(&output));
}

#[test]
fn end_at_exit() {
    let folder = Folder::new("exit");
    let output = run(START, "end_at_exit", &within(folder.path(), &[]));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ended at exit\n");
    assert!(said(&output).contains("usual"), "the report: {}", said(&output));
    assert!(folder.names().iter().all(|name| name.ends_with(".pb.gz")), "{:?}", folder.names());
}

#[test]
fn an_exit_with_a_handle_ends_the_profiler() {
    for (scenario, code) in [("exits_with_a_handle", 3), ("handle_in_a_static", 0)] {
        let output = Command::new(START).arg(scenario).output().expect("a process");
        assert_eq!(output.status.code(), Some(code), "{scenario}: {}", said(&output));
        assert_eq!(said(&output).matches("usual").count(), 1, "{scenario}, the report: {}", said(&output));
        let quiet = Command::new(START).arg(scenario).env("PERF_REPORT", "false").output().expect("a process");
        assert!(quiet.status.code() == Some(code) && !said(&quiet).contains("usual"), "{}", said(&quiet));
    }
    let output = run(START, "a_child_exits", &[]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "the parent goes on\n");
    assert_eq!(said(&output).matches("usual").count(), 1, "{}", said(&output));
}

/// A process that prints lines and waits for a signal.
struct Waiting {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Waiting {
    fn start(scenario: &str, setting: &str) -> Self {
        let mut command = Command::new(START);
        command.arg(scenario).env("PERF_REPORT_SIGNALS", setting).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("a line").expect("a text")
    }

    /// Its exit status and its output.
    fn end(self) -> (ExitStatus, String) {
        let output = self.child.wait_with_output().expect("an end");
        (output.status, said(&output))
    }
}

fn kill(signal: &str, process: &str) {
    assert!(Command::new("kill").args([signal, process]).status().expect("kill").success());
}

#[test]
fn a_signal_that_ends_the_program_ends_the_profiler_first() {
    for (name, number) in [("-INT", 2), ("-TERM", 15)] {
        let mut waiting = Waiting::start("waits_for_signals", "true");
        let child = waiting.line();
        // The child ends as it would without the profiler, and its parent is not affected.
        kill(name, &child);
        assert_eq!(waiting.line(), format!("-{number}"));
        kill(name, &waiting.child.id().to_string());
        let (status, said) = waiting.end();
        assert_eq!((status.signal(), said.matches("usual").count()), (Some(number), 1), "{said}");
    }
}

#[test]
fn signals_are_handled_only_on_request_and_without_a_handler_of_the_program() {
    let mut waiting = Waiting::start("waits_for_signals", "false");
    kill("-TERM", &waiting.line());
    assert_eq!(waiting.line(), "-15");
    kill("-TERM", &waiting.child.id().to_string());
    let (status, said) = waiting.end();
    assert!(status.signal() == Some(15) && !said.contains("usual"), "{status}: {said}");
    let mut waiting = Waiting::start("handles_signals_later", "true");
    for line in ["ready", "1", "2"] {
        assert_eq!(waiting.line(), line);
        kill("-TERM", &waiting.child.id().to_string());
    }
    assert_eq!(waiting.line(), "3");
    let (status, said) = waiting.end();
    assert!(status.success() && said.matches("usual").count() == 1, "{status}: {said}");
    let mut waiting = Waiting::start("handles_signals_itself", "true");
    assert_eq!(waiting.line(), "ready");
    kill("-TERM", &waiting.child.id().to_string());
    let (status, said) = waiting.end();
    assert!(status.code() == Some(4) && !said.contains("usual"), "{status}: {said}");
}

#[test]
fn a_handle_that_is_dropped_at_once_causes_a_warning() {
    let said = said(&run(START, "dropped_at_once", &[]));
    assert!(said.contains("the handle was dropped") && said.contains("let _perf = perf_sdk::start()?;"), "{said}");
}

#[test]
fn a_misspelt_variable_is_reported_with_the_nearest_known_one() {
    let said = said(&run(START, "starts", &[("PERF_BUGDET", "2%"), ("PERF_PAGER", "less")]));
    let about: Vec<&str> =
        said.lines().filter(|line| line.contains("PERF_BUGDET") || line.contains("PERF_PAGER")).collect();
    assert!(about.len() == 1 && about[0].contains("PERF_BUDGET"), "{said}");
}

#[test]
fn an_unwrapped_error_lists_the_allowed_values() {
    let output = Command::new(START).arg("main_fails").env("PERF_BUDGET", "lots").output().expect("a process");
    let said = said(&output);
    assert!(!output.status.success() && said.contains("PERF_BUDGET is \"lots\"; allowed: "), "{said}");
}
