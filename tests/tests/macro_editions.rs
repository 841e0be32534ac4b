//! Annotated crates of older editions.

use std::fs;
use std::path::Path;
use std::process::Command;

/// One crate an edition, all of the same sources. Edition 2015 has no `async`, and edition 2021 no bare trait objects.
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
    // The same versions of everything as here, so that nothing is fetched.
    fs::copy(root.join("Cargo.lock"), work.join("Cargo.lock")).expect("the lock file");
    let output = Command::new(env!("CARGO"))
        .args(["test", "--offline", "--workspace", "--lib", "--manifest-path"])
        .arg(work.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(root.join("target/foreign/target"))
        // As for the foreign crates, whose dependencies are the same.
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .output()
        .expect("cargo");
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}\n{errors}");
    assert_eq!(printed.matches("test result: ok. 2 passed").count(), 1, "edition 2015: {printed}");
    assert_eq!(printed.matches("test result: ok. 3 passed").count(), 1, "edition 2018: {printed}");
}
