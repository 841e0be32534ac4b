//! `record`: bundles of an endpoint, and of a program that is run.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::process::{Child, Command, Stdio};

use flate2::read::GzDecoder;
use perf_sdk_tests::until;

use super::watched::{COMMAND_LINE, Folder, WATCHED, Watched, ask};

/// Names and contents of the files in a `.tar.gz`, without their folder.
fn files(archive: &[u8]) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    let file = |entry: std::io::Result<tar::Entry<'_, GzDecoder<&[u8]>>>| {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a path").to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("its contents");
        (name.split_once('/').expect("a folder").1.to_owned(), String::from_utf8_lossy(&bytes).into_owned())
    };
    archive.entries().expect("an archive").map(file).collect()
}

fn has(files: &[(String, String)], name: &str, part: &str) -> bool {
    files.iter().any(|(file, text)| file == name && text.contains(part))
}

/// A program that is run by `record`, which is told what to do.
fn record(arguments: &[&str], environment: &[(&str, &str)], commands: &str) -> std::process::Output {
    let mut child = spawned(arguments, environment);
    child.stdin.take().expect("a pipe").write_all(commands.as_bytes()).expect("a reader");
    child.wait_with_output().expect("an end")
}

fn spawned(arguments: &[&str], environment: &[(&str, &str)]) -> Child {
    fresh(COMMAND_LINE)
        .arg("record")
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs")
}

#[test]
fn the_last_minute_of_an_endpoint_is_a_bundle() {
    let folder = Folder::new("bundle");
    let mut program = Watched::start(&[]);
    program.obey("work 1000");
    let said = ask(&["record", &program.place, "-o", &folder.path("b.tar.gz")]);
    assert!(said.status == Some(0) && said.err.contains("wrote "), "{said:?}");
    let files = files(&fs::read(folder.path("b.tar.gz")).expect("a file"));
    assert!(has(&files, "README.md", "request: HTTP") && has(&files, "snapshot.json", "search"), "{files:?}");
    let said = ask(&["record", &program.place, "--bundle", "../nothing"]);
    assert!(said.status == Some(2) && said.err.contains("allowed: a name"), "{said:?}");
}

#[test]
fn a_run_is_an_archive_and_its_status_is_passed_on() {
    let folder = Folder::new("run");
    let file = folder.path("run.tar.gz");
    let output = record(&["-o", &file, "--", WATCHED, "an argument"], &[], "work 300\nexit 7\n");
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    let found = files(&fs::read(&file).expect("a file"));
    for (name, part) in [
        ("README.md", "ended with status 7"),
        ("README.md", "watched an argument"),
        ("snapshot.json", "\"search\""),
        ("functions.txt", "answer"),
        ("flame.html", "watched::search"),
        ("cpu.svg", "<svg"),
    ] {
        assert!(has(&found, name, part), "{name}: {part}");
    }
    // It can be asked as a snapshot.
    let snapshot = found.iter().find(|(name, _)| name == "snapshot.json").expect("it");
    fs::write(folder.path("s.json"), &snapshot.1).expect("a file");
    let said = ask(&["flame", &folder.path("s.json"), "--weight", "calls", "--format", "folded"]);
    assert!(said.out.contains("watched::answer;watched::search 300"), "{said:?}");
    // Whatever becomes of the archive.
    let output = record(&["-o", "/dev/full", "--", WATCHED], &[], "work 300\nexit 9\n");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(9) && said.contains("cannot write /dev/full"), "{said}");
    assert!(fs::metadata("/dev/full").expect("it").file_type().is_char_device());
    // A program without a profiler.
    let output = record(&["-o", &file, "--", "sh", "-c", "exit 5"], &[], "");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(5) && said.contains("wrote no snapshot"), "{said}");
    let output = record(&["-o", "/nowhere/at/all", "--", WATCHED], &[], "");
    assert_eq!(output.status.code(), Some(2), "it is not run");
    let output = record(&["--", "/nowhere/at/all"], &[], "");
    assert!(output.status.code() == Some(2) && String::from_utf8_lossy(&output.stderr).contains("cannot run"));
}

#[test]
fn an_archive_on_stdout_is_nothing_else() {
    let output = record(&["-o", "-", "--", WATCHED], &[], "work 100\n");
    assert_eq!(output.status.code(), Some(0));
    assert!(has(&files(&output.stdout), "snapshot.json", "\"search\""));
    assert!(String::from_utf8_lossy(&output.stderr).contains("done\n"), "what the program says is there");
    let output = record(&["-o", "/dev/stdout", "--", WATCHED], &[("PERF_LISTEN", "off")], "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn settings_of_the_program_stay_and_its_children_have_files_of_their_own() {
    let folder = Folder::new("own");
    let socket = format!("unix:{}", folder.path("own.sock"));
    let file = folder.path("run.tar.gz");
    let output = record(&["-o", &file, "--", WATCHED], &[("PERF_LISTEN", &socket)], "work 10\n");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && out.starts_with("none\n"), "its own PERF_LISTEN: {out}");
    // Each listens on a port of its own, which the program chose.
    let output = record(&["-o", &file, "--", WATCHED], &[], "child\nchild\nwork 10\n");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let found = files(&fs::read(&file).expect("a file"));
    let of_children = found.iter().filter(|(name, _)| name.starts_with("snapshot-")).count();
    assert_eq!(of_children, 2, "{said}");
    // A shell that runs it.
    let output = record(&["-o", &file, "--", "sh", "-c", "\"$0\"; exit 3", WATCHED], &[], "work 10\n");
    assert_eq!(output.status.code(), Some(3));
    assert!(has(&files(&fs::read(&file).expect("a file")), "snapshot.json", "\"search\""));
}

#[test]
fn a_program_keeps_its_snapshot_at_its_end() {
    let folder = Folder::new("snapshot-file");
    let run = |file: &str| {
        let mut child = Command::new(WATCHED)
            .env("PERF_SNAPSHOT_FILE", folder.path(file))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let pid = child.id();
        child.stdin.take().expect("a pipe").write_all(b"work 10\n").expect("a reader");
        (pid, child.wait_with_output().expect("an end"))
    };
    let (pid, output) = run("run-{pid}.json");
    assert!(output.status.success());
    let said = ask(&["flame", &folder.path(&format!("run-{pid}.json")), "--weight", "calls", "--format", "folded"]);
    assert!(said.out.contains("watched::answer;watched::search 10"), "{said:?}");
    let (_, output) = run("nowhere/run.json");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("(PERF_SNAPSHOT_FILE): ") && said.contains("run.json"), "{said}");
    let (_, output) = run("");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("allowed: the path of a file, not of a folder"), "{said}");
}

/// Waits until the program says where it listens.
fn started(child: &mut Child) -> BufReader<std::process::ChildStdout> {
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    assert!(line.starts_with("127.0.0.1:"), "{line}");
    out
}

/// A program that ignores none of these signals, though this one may.
fn fresh(program: &str) -> Command {
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT,QUIT,TERM", program]);
    command
}

fn send(signal: &str, child: &Child) {
    let status = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status().expect("kill");
    assert!(status.success());
}

#[test]
fn signals_are_passed_on_and_what_was_recorded_is_kept() {
    let folder = Folder::new("signals");
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let file = folder.path(&format!("{signal}.tar.gz"));
        let mut child = spawned(&["-o", &file, "--", WATCHED], &[]);
        let _input = child.stdin.take();
        let _out = started(&mut child);
        send(signal, &child);
        let output = child.wait_with_output().expect("an end");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{signal}: {said}");
        assert!(has(&files(&fs::read(&file).expect("a file")), "README.md", "ended by signal"), "{signal}");
    }
    for (signal, status) in [("HUP", 129), ("QUIT", 131)] {
        let mut child = spawned(&["-o", &folder.path("none"), "--", WATCHED], &[]);
        let _input = child.stdin.take();
        let _out = started(&mut child);
        send(signal, &child);
        assert_eq!(child.wait_with_output().expect("an end").status.code(), Some(status), "{signal}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn ignored_signals_stay_ignored() {
    let script = "trap '' HUP QUIT; exec \"$@\"";
    let masks = |ignoring: bool| {
        let mut command = fresh("sh");
        command.args(["-c", if ignoring { script } else { "exec \"$@\"" }, "sh", COMMAND_LINE, "record", "--"]);
        let output = command.args(["grep", "SigIgn", "/proc/self/status"]).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        u64::from_str_radix(text.trim().strip_prefix("SigIgn:").expect("a mask").trim(), 16).expect("a number")
    };
    let bits = (1 << (libc::SIGHUP - 1)) | (1 << (libc::SIGQUIT - 1));
    assert_eq!(masks(true) & bits, bits);
    assert_eq!(masks(false) & bits, 0);
    // And they do not end the one that records.
    let mut child = fresh("sh")
        .args(["-c", script, "sh", COMMAND_LINE, "record", "-o", "/dev/null", "--", WATCHED])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let input = child.stdin.take();
    let _out = started(&mut child);
    send("HUP", &child);
    drop(input);
    assert_eq!(child.wait().expect("an end").code(), Some(0));
}

#[test]
fn devices_stay_devices() {
    let mut program = Watched::start(&[]);
    program.obey("work 10");
    for device in ["/dev/null", "/dev/stdout"] {
        for arguments in [&["snapshot"][..], &["flame", "--weight", "calls"], &["record"]] {
            let said = ask(&[arguments, &[&program.place, "-o", device]].concat());
            assert!(said.status == Some(0) && (device == "/dev/null") == said.out.is_empty(), "{arguments:?} {device}");
        }
    }
    assert!(fs::symlink_metadata("/dev/null").expect("it").file_type().is_char_device());
    assert!(fs::symlink_metadata("/dev/stdout").expect("it").is_symlink());
    // No file is left beside them.
    until("nothing to be left", || {
        !fs::read_dir("/dev").expect("it").flatten().any(|entry| entry.file_name().to_string_lossy().ends_with(".tmp"))
    });
}
