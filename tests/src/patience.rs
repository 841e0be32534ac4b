//! Waiting for what must happen, however slow the machine is.

use std::thread;
use std::time::{Duration, Instant};

/// How long what must happen may take: far longer than it does on a machine that is busy with
/// others.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until it is so.
///
/// # Panics
/// After [`PATIENCE`].
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    eventually(|| if is_so() { Ok(()) } else { Err(what.to_owned()) });
}

/// Tries again until it succeeds: for what a machine that takes the processor away may disturb, and
/// a fault disturbs each time.
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
