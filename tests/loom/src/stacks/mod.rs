//! Samples of stacks.

pub(crate) mod linux;
pub(crate) mod ring_models;

#[path = "../../../../perf-sdk/src/stacks/handler_times.rs"]
mod handler_times;
#[path = "../../../../perf-sdk/src/stacks/ring.rs"]
mod ring;
#[path = "../../../../perf-sdk/src/stacks/sample.rs"]
mod sample;

mod stack_counts {
    pub(crate) type Labels = &'static [(&'static str, &'static str)];
}
