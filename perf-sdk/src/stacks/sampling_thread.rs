//! The thread that samples.

use std::any::Any;
use std::io;
use std::time::Instant;

use super::backend::Backend;
use super::engine::Rules;
use super::linux::Sampler;
use super::process_sampler::{leave_parent, process_sampler, set_process_sampler};
use super::rates::LEAST_LOOK;
use super::recorder_hooks::Host;
use crate::base::background::Background;

/// Samples until the returned thread ends. If sampling is impossible, [`state`](super::state) gives
/// the reason.
///
/// `enter` is called on that thread.
pub(crate) fn start(
    rules: Rules,
    host: Host,
    enter: impl FnOnce() -> Box<dyn Any> + Send + 'static,
) -> io::Result<Option<Background>> {
    match process_sampler() {
        // An earlier sampler that is about to end.
        Some(running) => running.end(),
        // There was no sampler before, or only that of a parent process.
        None => {
            Sampler::forget_parent();
            leave_parent();
        }
    }
    let running = set_process_sampler(Backend::new(rules, host));
    if running.unavailable().is_some() {
        return Ok(None);
    }
    let background = Background::start("perf-sdk-stacks", move |pauses| {
        let _own = enter();
        let (mut looked, mut was_called) = (Instant::now(), true);
        while let Some(pause) = running.with(|backend| backend.turn(was_called)) {
            let since = looked.elapsed();
            looked = Instant::now();
            // At least this interval, however often new threads wake it.
            if !pauses.wait(LEAST_LOOK.saturating_sub(since)) || !pauses.wait_or_call(pause) {
                break;
            }
            was_called = looked.elapsed() < pause;
        }
        running.end();
    });
    let background = background.inspect_err(|_| running.end())?;
    crate::scope::listen(background.thread());
    Ok(Some(background))
}
