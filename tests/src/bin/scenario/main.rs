//! Scenarios of the recorder, one in each process, named by the argument, with the counting
//! jemalloc allocator.

mod calls;
mod common;
mod futures;
mod resources;
mod sampling;
mod threads;
mod traces;

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let themes = [
        calls::SCENARIOS,
        futures::SCENARIOS,
        resources::SCENARIOS,
        sampling::SCENARIOS,
        threads::SCENARIOS,
        traces::SCENARIOS,
    ];
    match themes.into_iter().flatten().find(|(known, _)| *known == name) {
        Some((_, scenario)) => scenario(),
        None => panic!("no scenario {name:?}"),
    }
}
