//! Nothing to build: Cargo asks for a build script because the manifest declares `links`.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
