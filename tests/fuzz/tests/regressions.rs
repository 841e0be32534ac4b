//! Inputs that once broke something are read again, and the first inputs of the targets with them.
//! Built like everything else, with `RUSTFLAGS="--cfg perf_fuzz" cargo test --release`, and without
//! libFuzzer.
#![cfg(perf_fuzz)]

use std::path::Path;

/// A panic names the file, a limit on memory is the process's own.
fn replay(target: &str, read: fn(&[u8])) {
    let mut count = 0;
    for folder in ["regressions", "seeds"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(target);
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            read(&std::fs::read(&path).unwrap());
            count += 1;
        }
    }
    assert!(count > 0, "there is no input for {target}");
}

macro_rules! targets {
    ($($name:ident),+) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name), perf_sdk::fuzz::$name);
        })+
    };
}

targets!(dwarf, elf, http, settings, snapshot, unwind);
