//! Runs rustdoc on `perf-sdk` for its JSON output, with any set of features.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use perf_sdk_tests::has;
use serde_json::Value;

/// The JSON format that the reader was written for. Neighbouring formats worked too.
pub(super) const FORMAT: u64 = 57;

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents/surface/rustdoc.sh")
}

/// Whether rustdoc is installed and writes JSON.
pub(super) fn is_there() -> bool {
    has(&script().to_string_lossy(), &["--version"], "install rustdoc, which is a part of the Rust toolchain")
}

/// The target folder for checked dependencies. `.ci/run` shares the folder of its other checks.
fn target() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    std::env::var_os("PERF_TEST_CHECKED").map_or_else(|| workspace.join("target/check"), PathBuf::from)
}

pub(super) fn json(features: &[&str]) -> Value {
    let target = target();
    // An empty library in the place of jemalloc: a check does not link it.
    let jemalloc = target.with_file_name("nothing").join("libjemalloc.so");
    if !jemalloc.exists() {
        fs::create_dir_all(jemalloc.parent().expect("a folder")).expect("a folder");
        File::create(&jemalloc).expect("an empty file");
    }
    let written = target.join("doc/perf_sdk.json");
    let _ = fs::remove_file(&written);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["rustdoc", "--quiet", "--package", "perf-sdk", "--lib"]).args(features);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.env("CARGO_TARGET_DIR", &target).env("JEMALLOC_OVERRIDE", jemalloc).env("RUSTDOC", script());
    cargo.env_remove("RUSTDOCFLAGS").env_remove("CARGO_ENCODED_RUSTDOCFLAGS");
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{features:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&written).unwrap_or_else(|error| panic!("{}: {error}", written.display()));
    serde_json::from_str(&text).expect("JSON")
}
