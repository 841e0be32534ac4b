//! A mistake is one error, in the right place, that says what is allowed; the item itself is still
//! there.
//!
//! `TRYBUILD=overwrite` writes the expected texts anew.

use std::process::Command;

/// The compiler whose own words are in `compile/worded_by_rustc`.
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
        println!("skipped: tests/compile/worded_by_rustc, which holds the words of {RUSTC}");
    }
}
