//! A library that contains perf-sdk, loaded at run time by a host.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use perf_sdk_tests::has;

/// The example `dlopened` of this package, built with the rest of the workspace.
fn library() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--workspace", "--example", "dlopened", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .output()
        .expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("debug/examples/libdlopened.so")
}

/// Runs a script of the folder `dlopen`. Returns its output.
fn run(command: &str, script: &str, arguments: &[&Path]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("dlopen").join(script);
    let output = Command::new(command).arg(&script).args(arguments).output().expect(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {arguments:?}: {}: {said}", script.display(), output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn has_python() -> bool {
    has("python3", &["--version"], "install python3")
}

#[test]
fn python_loads_uses_and_closes_the_library() {
    if !has_python() {
        return;
    }
    let library = library();
    let folder = std::env::temp_dir().join(format!("perf-sdk-test-dlopen-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    // Under another file name it is another library, with its own state.
    let others = [0, 1].map(|n| folder.join(format!("lib{n}.so")));
    for other in &others {
        fs::copy(&library, other).expect("a copy");
    }
    let said = run("python3", "load.py", &[&library, &others[0], &others[1]]);
    let _ = fs::remove_dir_all(&folder);
    assert_eq!(said, "used 3\n");
}

/// After `dlclose`, other parties still have pointers to its code: the signal handler, the fork
/// handlers, and the destructors of threads.
#[test]
fn python_closes_the_library_five_times() {
    if has_python() {
        assert_eq!(run("python3", "unload.py", &[&library(), Path::new("started")]), "let go 5\n");
    }
}

/// Calls are also recorded without a start.
#[test]
fn python_closes_the_library_without_a_start() {
    if has_python() {
        assert_eq!(run("python3", "unload.py", &[&library(), Path::new("unstarted")]), "let go 5\n");
    }
}

#[test]
fn node_loads_and_uses_the_library_five_times() {
    if has("node", &["--version"], "install nodejs") {
        assert_eq!(run("node", "load.js", &[&library()]), "used 5\n");
    }
}
