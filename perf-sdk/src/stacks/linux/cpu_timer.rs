//! A timer for the CPU time of one thread.
#![allow(unsafe_code)]

use std::mem;
use std::ptr;

use super::kernel_threads::thread_clock;
use super::signal::SIGNAL;
use crate::base::sandbox;

/// Signals a thread each time it has used a period of CPU time, until this drops.
///
/// **Blind spot.** The kernel checks such timers only at its own ticks, 100 to 1,000 times a
/// second. So a signal is late by a part of a tick. One signal may stand for several periods; it
/// contains their number.
#[derive(Debug)]
pub(super) struct Timer(libc::timer_t);

// SAFETY: an id by which the kernel knows the timer.
unsafe impl Send for Timer {}

impl Timer {
    /// `value` is passed with each signal. The first one comes after `first_ns`.
    ///
    /// # Errors
    /// Those of the kernel: `EAGAIN` if the user has as many pending signals and timers as the
    /// limit allows, `EINVAL` if the thread has ended.
    pub(super) fn start(thread: u32, value: usize, first_ns: u64, period_ns: u64) -> Result<Self, i32> {
        // SAFETY: all fields are numbers or pointers.
        let mut event: libc::sigevent = unsafe { mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = SIGNAL;
        event.sigev_value = libc::sigval { sival_ptr: ptr::without_provenance_mut(value) };
        event.sigev_notify_thread_id = thread as i32;
        let clock = thread_clock(thread);
        let mut timer: libc::timer_t = ptr::null_mut();
        // SAFETY: a valid event, and a valid pointer for the result.
        if unsafe { libc::timer_create(clock, &raw mut event, &raw mut timer) } != 0 {
            return Err(errno());
        }
        let timer = Self(timer);
        timer.set(first_ns, period_ns)?;
        Ok(timer)
    }

    /// Changes the period. The next signal comes at this CPU time of the thread, or at the next
    /// tick if that has passed; then it stands for all periods since.
    pub(super) fn change(&self, next_ns: u64, period_ns: u64) -> Result<(), i32> {
        self.set_times(libc::TIMER_ABSTIME, next_ns, period_ns)
    }

    /// Changes the period from now on.
    pub(super) fn set(&self, first_ns: u64, period_ns: u64) -> Result<(), i32> {
        self.set_times(0, first_ns, period_ns)
    }

    fn set_times(&self, flags: i32, first_ns: u64, period_ns: u64) -> Result<(), i32> {
        let time = |ns: u64| libc::timespec {
            tv_sec: (ns / 1_000_000_000) as _,
            tv_nsec: (ns % 1_000_000_000) as libc::c_long,
        };
        let times = libc::itimerspec { it_interval: time(period_ns), it_value: time(first_ns.max(1)) };
        // SAFETY: the timer exists until this drops, and the times are valid.
        if unsafe { libc::timer_settime(self.0, flags, &raw const times, ptr::null_mut()) } != 0 {
            return Err(errno());
        }
        Ok(())
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // Under a new seccomp filter the timer is kept, and fires until its thread has ended.
        if !sandbox::is_tighter() {
            // SAFETY: created in `start`, and deleted only once.
            unsafe { libc::timer_delete(self.0) };
        }
    }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL)
}

/// The length of a kernel tick: the resolution of its coarse clock.
pub(super) fn tick_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid pointer for the result.
    let known = unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, &raw mut time) } == 0;
    if known { (time.tv_nsec as u64).max(1) } else { 4_000_000 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_a_millisecond_or_ten() {
        assert!((1_000_000..=10_000_000).contains(&tick_ns()), "{}", tick_ns());
    }
}
