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

/// Samples until the thread that it gives ends. Where it cannot, [`state`](super::state) says why.
///
/// `enter` is called on that thread.
pub(crate) fn start(
    rules: Rules,
    host: Host,
    enter: impl FnOnce() -> Box<dyn Any> + Send + 'static,
) -> io::Result<Option<Background>> {
    match process_sampler() {
        // One that is about to end.
        Some(running) => running.end(),
        // Nobody sampled before, or the parent of this process.
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
            // Newcomers may call as often as they like.
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
