//! Waits that do not depend on the speed of the machine.

use std::thread;
use std::time::{Duration, Instant};

/// The maximum time for something that must happen: much longer than on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until it is true.
///
/// # Panics
/// After [`PATIENCE`].
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    eventually(|| if is_so() { Ok(()) } else { Err(what.to_owned()) });
}

/// Repeats an attempt until it succeeds. For checks that fail sometimes on a loaded machine, and
/// always if there is a fault.
///
/// # Panics
/// After [`PATIENCE`], with the last error.
pub fn eventually<T>(mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(error) => assert!(start.elapsed() < PATIENCE, "still after {:?}: {error}", start.elapsed()),
        }
        thread::sleep(Duration::from_millis(10));
    }
}
