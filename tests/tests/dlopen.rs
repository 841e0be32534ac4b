//! A library with perf-sdk in it, loaded while the host runs.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use perf_sdk_tests::has;

/// The example `dlopened` of this package, built as the whole workspace is.
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

#[test]
fn it_is_loaded_used_and_let_go() {
    if !has("python3", &["--version"], "install python3") {
        return;
    }
    let library = library();
    let folder = std::env::temp_dir().join(format!("perf-sdk-test-dlopen-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    // A library under another name is another one, with everything of its own.
    let others: Vec<PathBuf> = (0..2).map(|n| folder.join(format!("lib{n}.so"))).collect();
    for other in &others {
        fs::copy(&library, other).expect("a copy");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("dlopen/load.py");
    let output = Command::new("python3").arg(script).arg(&library).args(&others).output().expect("python3");
    let _ = fs::remove_dir_all(&folder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "used 3\n", "{said}");
}
