//! A timer on the CPU time of one thread.
#![allow(unsafe_code)]

use std::mem;
use std::ptr;

use super::kernel_threads::thread_clock;
use super::signal::SIGNAL;
use crate::base::sandbox;

/// Signals a thread each time that it was on the CPU for a period. It ends when this drops.
///
/// **Blind spot.** The kernel looks at such timers at its own ticks, 100 to 1,000 times a second: a
/// signal comes late by a part of a tick, and one may stand for several periods, which it says.
#[derive(Debug)]
pub(super) struct Timer(libc::timer_t);

// SAFETY: a number by which the kernel knows the timer.
unsafe impl Send for Timer {}

impl Timer {
    /// `value` comes with each signal. The first one comes after `first_ns`.
    ///
    /// # Errors
    /// The kernel's: `EAGAIN` when the user has as many pending signals and timers as the limit
    /// allows, `EINVAL` when the thread has ended.
    pub(super) fn start(thread: u32, value: usize, first_ns: u64, period_ns: u64) -> Result<Self, i32> {
        // SAFETY: all fields are numbers or pointers.
        let mut event: libc::sigevent = unsafe { mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = SIGNAL;
        event.sigev_value = libc::sigval { sival_ptr: ptr::without_provenance_mut(value) };
        event.sigev_notify_thread_id = thread as i32;
        let clock = thread_clock(thread);
        let mut timer: libc::timer_t = ptr::null_mut();
        // SAFETY: a valid event, and a valid place for the result.
        if unsafe { libc::timer_create(clock, &raw mut event, &raw mut timer) } != 0 {
            return Err(errno());
        }
        let timer = Self(timer);
        timer.set(first_ns, period_ns)?;
        Ok(timer)
    }

    /// From now on with this period.
    pub(super) fn set(&self, first_ns: u64, period_ns: u64) -> Result<(), i32> {
        let time = |ns: u64| libc::timespec {
            tv_sec: (ns / 1_000_000_000) as _,
            tv_nsec: (ns % 1_000_000_000) as libc::c_long,
        };
        let times = libc::itimerspec { it_interval: time(period_ns), it_value: time(first_ns.max(1)) };
        // SAFETY: the timer lives until this drops; valid times.
        if unsafe { libc::timer_settime(self.0, 0, &raw const times, ptr::null_mut()) } != 0 {
            return Err(errno());
        }
        Ok(())
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // Under a filter that is new it stays, and fires until its thread has ended.
        if !sandbox::is_tighter() {
            // SAFETY: created in `start`, and deleted once.
            unsafe { libc::timer_delete(self.0) };
        }
    }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL)
}

/// How long a tick of the kernel is: the resolution of its coarse clock.
pub(super) fn tick_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid place for the result.
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
