//! Annotated crates of older editions, and with linters.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Uses the target folder of the foreign crates, because the dependencies are the same.
fn cargo(root: &Path, work: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).args(["--offline", "--manifest-path"]).arg(work.join("Cargo.toml"));
    command.arg("--target-dir").arg(root.join("target/foreign/target"));
    command.env("CARGO_PROFILE_DEV_DEBUG", "0").output().expect("cargo")
}

/// One crate for each edition, all from the same sources. Edition 2015 has no `async`, and edition
/// 2021 no bare trait objects.
#[test]
fn older_editions_compile_and_measure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let work = root.join("target/editions");
    let write = |path: &Path, text: String| {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder to write to");
        fs::write(path, text).expect("a written manifest");
    };
    for (edition, features) in [("2015", "[]"), ("2018", "[\"futures\"]")] {
        let manifest = format!(
            "[package]\nname = \"edition-{edition}\"\nversion = \"0.0.0\"\nedition = \"{edition}\"\n\n\
             [lib]\npath = {:?}\n\n[features]\ndefault = {features}\nfutures = []\n\n\
             [dependencies]\nperf-sdk = {{ path = {:?}, default-features = false, features = [\"enabled\"] }}\n",
            root.join("tests/tests/editions/lib.rs"),
            root.join("perf-sdk"),
        );
        write(&work.join(edition).join("Cargo.toml"), manifest);
    }
    write(&work.join("Cargo.toml"), String::from("[workspace]\nresolver = \"3\"\nmembers = [\"2015\", \"2018\"]\n"));
    // Uses the versions of this workspace, so that nothing is fetched.
    fs::copy(root.join("Cargo.lock"), work.join("Cargo.lock")).expect("the lock file");
    let output = cargo(root, &work, &["test", "--workspace", "--lib"]);
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}\n{errors}");
    assert_eq!(printed.matches("test result: ok. 2 passed").count(), 1, "edition 2015: {printed}");
    assert_eq!(printed.matches("test result: ok. 3 passed").count(), 1, "edition 2018: {printed}");
}

/// Linters report the same for functions with and without the attribute, in all groups of clippy
/// and of rustc.
#[test]
fn lints_are_the_same_with_the_attribute() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let source = root.join("tests/tests/lints");
    let work = root.join("target/lints");
    let functions = fs::read_to_string(source.join("functions.rs")).expect("the functions");
    let with = functions.replacen("\nuse ", "\nuse perf_sdk::profiled; use ", 1);
    // The line numbers stay the same.
    let without = functions.replace("#[profiled]\n", "\n");
    fs::create_dir_all(work.join("src")).expect("a folder to write to");
    fs::copy(source.join("lib.rs"), work.join("src/lib.rs")).expect("the crate");
    fs::write(work.join("src/with.rs"), with).expect("a written file");
    fs::write(work.join("src/without.rs"), without).expect("a written file");
    let manifest = format!(
        "[package]\nname = \"lints\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
         [dependencies]\nperf-sdk = {{ path = {:?}, default-features = false, features = [\"enabled\"] }}\n\n\
         [workspace]\n",
        root.join("perf-sdk"),
    );
    fs::write(work.join("Cargo.toml"), manifest).expect("a written manifest");
    fs::copy(root.join("Cargo.lock"), work.join("Cargo.lock")).expect("the lock file");
    for (linter, at_least) in [("check", 30), ("clippy", 150)] {
        let output = cargo(root, &work, &[linter, "--message-format=short"]);
        let errors = String::from_utf8_lossy(&output.stderr);
        if errors.contains("no such command") || errors.contains("is not installed") {
            let missing = format!("SKIPPED: cargo {linter} is not here: {errors}");
            assert!(std::env::var_os("PERF_TEST_REQUIRE_TOOLS").is_none(), "{missing}");
            println!("{missing}");
            continue;
        }
        assert!(output.status.success(), "{errors}");
        let (with, without) = (lints(&errors, "src/with.rs:"), lints(&errors, "src/without.rs:"));
        // An annotated function cannot be a `const fn`.
        let is_apart = |lint: &(u64, String)| lint.1.contains("could be a `const fn`");
        assert!(!with.iter().any(is_apart));
        let without: Vec<_> = without.into_iter().filter(|lint| !is_apart(lint)).collect();
        let only = |these: &[(u64, String)], those: &[(u64, String)]| {
            these.iter().filter(|lint| !those.contains(lint)).cloned().collect::<Vec<_>>()
        };
        let (more, less) = (only(&with, &without), only(&without, &with));
        assert!(more.is_empty() && less.is_empty(), "{linter}: with the attribute also {more:#?}, and not {less:#?}");
        assert!(without.len() >= at_least, "{linter} reported so little: {without:?}");
    }
}

/// The line and the text of each lint in one file, from lines such as
/// `src/with.rs:3:1: warning: text`.
fn lints(printed: &str, file: &str) -> Vec<(u64, String)> {
    let mut found: Vec<_> = printed
        .lines()
        .filter_map(|line| {
            let (line, rest) = line.strip_prefix(file)?.split_once(':')?;
            let (_, text) = rest.split_once(": ")?;
            // Only the module's name may differ.
            Some((line.parse().ok()?, text.replace("without::", "").replace("with::", "")))
        })
        .collect();
    found.sort();
    found
}
