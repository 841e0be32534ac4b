//! Without the feature `enabled`, annotations cost nothing: no instruction and no dependency.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("disabled")
}

fn cargo(arguments: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    // That of `tests/instructions` in CI, whose dependencies are the same.
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("target/optimised");
    cargo.args(arguments).current_dir(folder()).env("CARGO_TARGET_DIR", target);
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The assembly of the library, without text that depends on the build: one entry for each
/// function.
fn functions(annotated: bool) -> BTreeMap<String, String> {
    let name = if annotated { "annotated" } else { "bare" };
    let file =
        folder().parent().expect("tests").parent().expect("the workspace").join("target").join(format!("{name}.s"));
    let emit = format!("--emit=asm={}", file.display());
    let features = if annotated { "annotated" } else { "" };
    let rustc = ["rustc", "--release", "--lib", "--features", features];
    cargo(&[&rustc[..], &["--", &emit, "-Cdebuginfo=0", "-Ccodegen-units=1"]].concat());
    let text = std::fs::read_to_string(&file).expect("the assembly");
    let mut functions = BTreeMap::new();
    let mut current: Option<(String, String)> = None;
    for line in text.lines().map(unnamed) {
        if let Some(label) = line.strip_suffix(':').filter(|label| label.starts_with('_')) {
            functions.extend(current.replace((label.to_owned(), String::new())));
        } else if let Some((_, body)) = &mut current
            && line.starts_with('\t')
            && !line.trim_start().starts_with('.')
        {
            body.push_str(&line);
            body.push('\n');
        }
    }
    functions.extend(current);
    functions
}

/// Without the hash at the end of a symbol's name: if one flag differs, the hashes of all symbols
/// of a crate differ.
fn unnamed(line: &str) -> String {
    let mut line = line.to_owned();
    while let Some(at) = line.find("17h").filter(|at| line.get(at + 19..at + 20) == Some("E")) {
        line.replace_range(at..at + 20, "E");
    }
    // Replaces the numbers of anonymous constants and labels.
    let mut text = String::new();
    let mut rest = line.as_str();
    while let Some(at) = ["anon.", ".L"].iter().filter_map(|mark| rest.find(mark)).min() {
        let end = rest[at..].find([',', '(', ')', ' ', ':']).map_or(rest.len(), |end| at + end);
        text.push_str(&rest[..at]);
        text.push_str("LABEL");
        rest = &rest[end..];
    }
    text + rest
}

#[test]
fn annotated_functions_compile_to_the_same_instructions() {
    let (bare, annotated) = (functions(false), functions(true));
    assert!(bare.keys().any(|name| name.contains("plain")) && bare.len() > 5, "{:?}", bare.keys());
    assert_eq!(bare.keys().collect::<Vec<_>>(), annotated.keys().collect::<Vec<_>>());
    for (name, body) in &bare {
        assert_eq!(*body, annotated[name], "{name}");
    }
}

#[test]
fn the_only_dependencies_are_those_of_the_macros() {
    let tree = cargo(&["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let mut names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    names.dedup();
    let allowed = [
        "pin-project-lite",
        "perf-macros",
        "perf-sdk",
        "perf-sdk-disabled",
        "proc-macro2",
        "quote",
        "syn",
        "unicode-ident",
    ];
    assert!(names.contains(&"perf-sdk"), "{names:?}");
    assert!(names.iter().all(|name| allowed.contains(name)), "{names:?}");
}

#[test]
fn an_empty_call_has_a_duration_of_about_zero() {
    // This test is here because it needs an optimised build, including the callers.
    println!("{}", cargo(&["run", "--quiet", "--release", "--bin", "empty", "--features", "enabled"]));
}

#[test]
fn the_program_enables_the_feature_for_its_libraries() {
    let settings = perf_sdk::SETTINGS.len();
    let off = cargo(&["run", "--quiet", "--release", "--bin", "perf-sdk-disabled"]);
    assert_eq!(off, format!("recording false, functions 0, 0\nallocations false\nsettings {settings}\n"));
    // With the feature, all names exist too, and the annotated functions of the library are
    // recorded.
    let on = cargo(&["run", "--quiet", "--release", "--bin", "perf-sdk-disabled", "--features", "enabled,annotated"]);
    assert_eq!(on, format!("recording true, functions 10, 10\nallocations true\nsettings {settings}\n"));
}
