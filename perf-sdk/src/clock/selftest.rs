//! Whether an engine is correct on this machine: it is compared with the kernel over computing, a
//! sleep and a wait.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use super::engine::{Engine, Engines};
use super::syscall;
use super::thread::ThreadCpu;
use super::usable::has_thread_clock;
use super::wall::{Wall, wall};

const COMPUTE_NS: u64 = 400_000;
const SLEEP: Duration = Duration::from_millis(1);
#[cfg(all(target_os = "linux", not(miri)))]
const WAIT_NS: u32 = 300_000;
/// The tolerance of one comparison: the reading itself, interrupts, short preemption by a
/// hypervisor.
const TOLERANCE_NS: u64 = 60_000;
/// Attempts, because a run on a busy machine may be disturbed, and the first ones run code that is
/// in no cache. Under valgrind, which translates it first, that is up to three.
const TRIES: usize = 6;

/// The usable engines, or only the requested one if it is usable.
pub(super) fn usable(force: Option<Engine>) -> Engines {
    if !has_thread_clock() {
        return Engines::NONE;
    }
    let wanted = force.map_or(Engines::ALL, |engine| Engines::of(engine).with(Engine::Syscall));
    let passed =
        wanted.iter().filter(|engine| *engine == Engine::Syscall || (0..TRIES).any(|_| tells_the_truth(*engine)));
    let passed = passed.fold(Engines::NONE, Engines::with);
    match force {
        Some(engine) if !passed.contains(engine) => Engines::NONE,
        _ => passed,
    }
}

fn tells_the_truth(engine: Engine) -> bool {
    let wall = wall();
    let Some(mut cpu) = ThreadCpu::with(engine, wall) else { return false };
    let told = [compute as fn(&Wall), |_| thread::sleep(SLEEP), wait].into_iter().all(|part| {
        let (Some(kernel_before), before) = (syscall::thread_cpu_ns(), cpu.enter(wall)) else { return false };
        part(wall);
        let end = wall.ticks();
        let (after, kernel_after) = ((end, cpu.exit(wall, end)), syscall::thread_cpu_ns());
        let cpu_of = |(ticks, offset): (u64, u64)| ticks.wrapping_add(offset);
        let told_ns = wall.ns(cpu_of(after).wrapping_sub(cpu_of(before)) as i64 as u64);
        kernel_after.is_some_and(|kernel| (kernel - kernel_before).abs_diff(told_ns) < TOLERANCE_NS)
    });
    let told = told && cpu.engine() == engine;
    cpu.detach();
    told
}

fn compute(wall: &Wall) {
    let (start, length) = (wall.ticks(), wall.ticks_of_ns(COMPUTE_NS));
    while wall.ticks().wrapping_sub(start) < length {
        black_box(0);
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
fn wait(_: &Wall) {
    syscall::futex_wait(WAIT_NS);
}

#[cfg(any(miri, not(target_os = "linux")))]
fn wait(_: &Wall) {
    thread::park_timeout(Duration::from_micros(300));
}
