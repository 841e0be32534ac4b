//! A mistake is one error, in the right place, that says what is allowed; the item itself is still there.
//!
//! The expected texts hold one version of the compiler's own wording; `TRYBUILD=overwrite` writes them anew.

#[test]
fn mistakes_are_one_error_each() {
    trybuild::TestCases::new().compile_fail("tests/compile/*.rs");
}
