//! A mistake is one error, at the right place, that says what is allowed. The item itself is still
//! compiled.
//!
//! `TRYBUILD=overwrite` regenerates the expected texts.

use std::process::Command;

/// The compiler version whose messages are in `compile/worded_by_rustc`.
const RUSTC: &str = "rustc 1.95.";

fn rustc() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("a compiler");
    String::from_utf8(output.stdout).expect("its version")
}

#[test]
fn mistakes_are_one_error_each() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile/*.rs");
    if rustc().starts_with(RUSTC) {
        cases.compile_fail("tests/compile/worded_by_rustc/*.rs");
    } else {
        println!("skipped: tests/compile/worded_by_rustc, which has the messages of {RUSTC}");
    }
}
