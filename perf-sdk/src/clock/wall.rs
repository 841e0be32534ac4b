//! The wall clock: in ticks of the processor's counter where it is reliable, else in nanoseconds.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use super::anomaly::{self, Anomaly};
use super::arch;
use super::continuity::Continuity;
#[cfg(test)]
use super::mock;
use super::scale::{self, Scale};
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
use crate::base::fork::Moment;
use crate::base::once::Once;

/// A pair of readings that are further apart than this is discarded.
const PAIR_APART_NS: u64 = 5_000;
const PAIR_TRIES: u32 = 16;

/// The maximum number of ticks that are subtracted from a call's duration for instrumentation
/// overhead.
pub(crate) const OWN_PART: u64 = 1 << 12;

/// The baseline of the first calibration. Both its ends are the closest of several pairs of
/// readings, so that being switched out in between has no effect. On a loaded machine, a
/// calibration that averages readings was seen to be 20 % off.
const FIRST_BASE_NS: u64 = 2_000_000;
/// A longer baseline replaces the first one if the relative difference is below this.
const REFINED_WITHIN: f64 = 1e-3;
const REFINED_BASE_NS: u64 = 3_000_000;

/// The process-wide wall clock.
///
/// Its fields are atomic because it is a static that is initialized at the first use. They do not
/// change after that.
#[derive(Debug)]
pub(crate) struct Wall {
    /// Whether ticks are the processor's counter. Otherwise they are nanoseconds of the operating
    /// system's clock.
    counter: AtomicBool,
    forward: AtomicU64,
    inverse: AtomicU64,
    second: AtomicU64,
    continuity: Mutex<Continuity>,
    #[cfg(test)]
    mock: Option<&'static mock::Time>,
}

/// The length of a tick: nanoseconds in 2⁴⁰ of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TickLength(u64);

impl TickLength {
    /// As [`Wall::ns`].
    #[inline]
    pub(crate) fn ns(self, delta_ticks: u64) -> u64 {
        scale::apply(delta_ticks, self.0)
    }

    /// As [`Wall::signed_ns`].
    #[inline]
    pub(crate) fn signed_ns(self, delta_ticks: i64) -> i64 {
        scale::apply_signed(delta_ticks, self.0)
    }
}

static WALL: Wall = Wall::nanoseconds();
static CALIBRATED: Once = Once::new();

/// The process's wall clock. The first use calibrates it, which takes two milliseconds.
#[inline]
pub(crate) fn wall() -> &'static Wall {
    if !CALIBRATED.is_done() {
        calibrate();
    }
    &WALL
}

#[cold]
fn calibrate() {
    CALIBRATED.call(|| WALL.calibrate());
}

/// Runs in a forked child.
pub(super) fn after_fork() {
    CALIBRATED.after_fork();
}

impl Wall {
    const fn nanoseconds() -> Self {
        Self {
            counter: AtomicBool::new(false),
            forward: AtomicU64::new(Scale::NANOSECONDS.forward),
            inverse: AtomicU64::new(Scale::NANOSECONDS.inverse),
            second: AtomicU64::new(1_000_000_000),
            continuity: Mutex::new(Continuity::new(0, 0)),
            #[cfg(test)]
            mock: None,
        }
    }

    /// The current time. Costs one read of the counter.
    #[inline(always)]
    pub(crate) fn ticks(&self) -> u64 {
        if self.counter.load(Relaxed) { arch::counter() } else { self.os_ticks() }
    }

    /// Whether [`counter`](Self::counter) is the current time. It stays so.
    pub(crate) fn has_counter(&self) -> bool {
        #[cfg(test)]
        if self.mock.is_some() {
            return true;
        }
        self.counter.load(Relaxed)
    }

    /// As [`ticks`](Self::ticks), where it is known that the clock [is the
    /// counter](Self::has_counter). Elsewhere it is a number without a meaning.
    #[inline(always)]
    pub(crate) fn counter(&self) -> u64 {
        #[cfg(test)]
        if let Some(time) = self.mock {
            return time.ticks();
        }
        arch::counter()
    }

    #[cold]
    #[inline(never)]
    fn os_ticks(&self) -> u64 {
        #[cfg(test)]
        if let Some(time) = self.mock {
            return time.ticks();
        }
        os_ns()
    }

    /// The duration of a number of ticks, in nanoseconds. Costs a multiplication and a shift.
    #[inline]
    pub(crate) fn ns(&self, delta_ticks: u64) -> u64 {
        scale::apply(delta_ticks, self.forward.load(Relaxed))
    }

    /// The time in nanoseconds, for differences.
    pub(crate) fn now_ns(&self) -> u64 {
        self.ns(self.ticks())
    }

    /// As [`ns`](Self::ns), for a difference that may be slightly negative.
    #[inline]
    pub(crate) fn signed_ns(&self, delta_ticks: i64) -> i64 {
        self.tick_length().signed_ns(delta_ticks)
    }

    /// For the conversion of many differences.
    #[inline]
    pub(crate) fn tick_length(&self) -> TickLength {
        TickLength(self.forward.load(Relaxed))
    }

    /// Nanoseconds in a tick, for products of ticks.
    pub(crate) fn ns_a_tick(&self) -> f64 {
        const MANY: u64 = 1 << 32;
        self.ns(MANY) as f64 / MANY as f64
    }

    /// The number of ticks in a duration.
    #[inline]
    pub(crate) fn ticks_of_ns(&self, ns: u64) -> u64 {
        scale::apply(ns, self.inverse.load(Relaxed))
    }

    /// The ticks of one second. A longer duration, or a negative one (which wraps), must be checked
    /// by [`plausible`](Self::plausible).
    #[inline]
    fn suspicious_ticks(&self) -> u64 {
        self.second.load(Relaxed)
    }

    /// Whether a call's duration need not be checked by [`plausible`](Self::plausible): at most a
    /// second, and no further below 0 than the subtraction of instrumentation overhead can bring
    /// it.
    #[inline]
    pub(crate) fn is_plain(&self, duration: i64) -> bool {
        (duration as u64).wrapping_add(OWN_PART) <= self.second.load(Relaxed)
    }

    /// Ticks from `start` to `end`, or 0 if they are implausible. The result may be slightly
    /// negative.
    #[inline]
    pub(crate) fn believed(&self, start: u64, end: u64) -> i64 {
        let delta = end.wrapping_sub(start) as i64;
        // Longer than a second, or negative: must be confirmed by a second clock.
        if self.is_plain(delta) { delta } else { self.plausible(start, end) as i64 }
    }

    /// Ticks from `start` to `end` if the operating system's clock confirms them. Otherwise 0, and
    /// the anomaly is counted.
    ///
    /// **Blind spot.** In which of several calls a jump occurred is known only to the interval at
    /// which the two clocks are compared: every second while any thread is active.
    #[cold]
    #[inline(never)]
    pub(crate) fn plausible(&self, start: u64, end: u64) -> u64 {
        let delta = end.wrapping_sub(start);
        if delta > i64::MAX as u64 {
            anomaly::count(Anomaly::Backwards);
            0
        } else if delta > self.suspicious_ticks() && self.jumped_between(start, end) {
            anomaly::count(Anomaly::Jump);
            0
        } else {
            delta
        }
    }

    fn jumped_between(&self, start: u64, end: u64) -> bool {
        let Ok(mut continuity) = self.continuity.try_lock() else { return false };
        if let Some((ticks, os_ns)) = self.pair() {
            continuity.advance(ticks, os_ns, |ticks| self.ns(ticks));
        }
        continuity.broken_between(start, end)
    }

    /// Compares the counter with the operating system's clock if that is due, so that the position
    /// of a jump is known closely.
    pub(super) fn observe(&self, now: u64) {
        let Ok(mut continuity) = self.continuity.try_lock() else { return };
        if now.wrapping_sub(continuity.reference()) > self.suspicious_ticks()
            && let Some((ticks, os_ns)) = self.pair()
        {
            continuity.advance(ticks, os_ns, |ticks| self.ns(ticks));
        }
    }

    /// Both clocks, read at one moment. `None` if every attempt was interrupted.
    fn pair(&self) -> Option<(u64, u64)> {
        let limit = self.ticks_of_ns(PAIR_APART_NS);
        (0..PAIR_TRIES)
            .map(|_| {
                let before = self.ticks();
                let os_ns = self.os_ns();
                let apart = self.ticks().wrapping_sub(before);
                (apart, (before.wrapping_add(apart / 2), os_ns))
            })
            .find_map(|(apart, pair)| (apart <= limit).then_some(pair))
    }

    /// As [`pair`](Self::pair), the closest of several.
    fn close_pair(&self) -> (u64, u64) {
        let pairs = (0..PAIR_TRIES).map(|_| {
            let before = self.ticks();
            let os_ns = self.os_ns();
            let apart = self.ticks().wrapping_sub(before);
            (apart, before.wrapping_add(apart / 2), os_ns)
        });
        pairs.min_by_key(|(apart, ..)| *apart).map_or((0, 0), |(_, ticks, os_ns)| (ticks, os_ns))
    }

    fn os_ns(&self) -> u64 {
        #[cfg(test)]
        if let Some(time) = self.mock {
            return time.os_ns();
        }
        os_ns()
    }

    fn calibrate(&self) {
        if reads_counter() && counter_is_trusted() {
            self.counter.store(true, Relaxed);
            match self.measured_scale() {
                Some(scale) => self.set(scale),
                None => self.counter.store(false, Relaxed),
            }
        }
        self.restart_continuity();
    }

    /// The scale of ticks, measured against the operating system's clock over a short time.
    fn measured_scale(&self) -> Option<Scale> {
        let (start_ticks, start_ns) = self.close_pair();
        while self.os_ns().saturating_sub(start_ns) < FIRST_BASE_NS {
            std::hint::spin_loop();
        }
        let (end_ticks, end_ns) = self.close_pair();
        Scale::of(end_ticks.wrapping_sub(start_ticks), end_ns.saturating_sub(start_ns))
    }

    fn restart_continuity(&self) {
        let (ticks, os_ns) = self.close_pair();
        if let Ok(mut continuity) = self.continuity.try_lock() {
            *continuity = Continuity::new(ticks, os_ns);
        }
    }

    fn set(&self, scale: Scale) {
        self.forward.store(scale.forward, Relaxed);
        self.inverse.store(scale.inverse, Relaxed);
        self.second.store(scale::apply(1_000_000_000, scale.inverse), Relaxed);
    }

    fn scale(&self) -> Scale {
        Scale { forward: self.forward.load(Relaxed), inverse: self.inverse.load(Relaxed) }
    }

    /// The baseline's first end, for [`refine`](Self::refine).
    pub(super) fn base(&self) -> (u64, u64) {
        self.close_pair()
    }

    /// Replaces the quick calibration by one over the time since `base`. Call it only before the
    /// first call is recorded: sums are kept in ticks, and a scale that changes later would make
    /// exported sums decrease.
    pub(super) fn refine(&self, base: (u64, u64)) {
        if !self.counter.load(Relaxed) {
            return;
        }
        let (ticks, os_ns) = self.close_pair();
        let elapsed_ns = os_ns.saturating_sub(base.1);
        if elapsed_ns >= REFINED_BASE_NS
            && let Some(scale) = Scale::of(ticks.wrapping_sub(base.0), elapsed_ns)
            && scale.differs(self.scale()) < REFINED_WITHIN
        {
            self.set(scale);
        }
    }

    /// Whether ticks are the processor's counter.
    #[cfg(all(target_os = "linux", not(miri)))]
    pub(super) fn is_counter(&self) -> bool {
        self.counter.load(Relaxed)
    }

    /// A clock that is moved by a test.
    #[cfg(test)]
    pub(super) const fn mocked(time: &'static mock::Time) -> Self {
        Self { mock: Some(time), ..Self::nanoseconds() }
    }
}

/// Nanoseconds of the operating system's monotonic clock since some moment of this process.
fn os_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    // The first caller is the calibration, which runs on one thread.
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Whether quanta, which asks the processor if its counter is invariant, chose to read the counter.
/// If it did, its reading lies between two of ours, apart from reordering by the processor.
fn reads_counter() -> bool {
    const SLACK: u64 = 10_000;
    if !arch::HAS_COUNTER {
        return false;
    }
    let clock = quanta::Clock::new();
    let before = arch::counter().wrapping_sub(SLACK);
    let reading = clock.raw();
    let after = arch::counter().wrapping_add(SLACK);
    reading.wrapping_sub(before) <= after.wrapping_sub(before)
}

/// False if the kernel has rejected the counter, because it is unsynchronized between processors or
/// unstable. Then it is not used here either.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn counter_is_trusted() -> bool {
    use std::io::Read;
    let _moment = Moment::begin();
    let mut name = [0; 32];
    let read = std::fs::File::open("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .and_then(|mut file| file.read(&mut name));
    let given_up = [&b"hpet"[..], b"acpi_pm", b"jiffies", b"refined-jiffies", b"pit"];
    !read.is_ok_and(|length| given_up.contains(&name[..length].trim_ascii()))
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn counter_is_trusted() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::clock::anomaly::anomalies;
    use crate::clock::mock::Time;

    const S: u64 = 1_000_000_000;

    fn mocked() -> (&'static Time, Wall) {
        let time: &'static Time = Box::leak(Box::new(Time::new(5 * S)));
        let wall = Wall::mocked(time);
        wall.restart_continuity();
        (time, wall)
    }

    fn between(wall: &Wall, start: u64, end: u64) -> u64 {
        let delta = end.wrapping_sub(start);
        if wall.is_plain(delta as i64) { delta } else { wall.plausible(start, end) }
    }

    fn counted(reason: &str) -> u64 {
        anomalies().find(|(name, _)| *name == reason).map_or(0, |(_, n)| n)
    }

    #[test]
    fn agrees_with_the_operating_system() {
        let wall = wall();
        // The system's clock is read before and after, because the thread may be off the CPU in
        // between.
        let read = || (Instant::now(), wall.ticks(), Instant::now());
        let (start_from, start, start_to) = read();
        thread::sleep(Duration::from_millis(60));
        let (end_from, end, end_to) = read();
        let ns = wall.ns(between(wall, start, end));
        let [least, most] = [end_from - start_to, end_to - start_from].map(|time| time.as_nanos() as u64);
        let exact = least - least / 1_000..=most + most / 1_000;
        assert!(exact.contains(&ns), "{ns} ns by the counter, {exact:?} ns by the system");
        assert!(wall.ticks_of_ns(wall.ns(1 << 40)).abs_diff(1 << 40) < 1 << 12);
    }

    #[test]
    fn plain_deltas_pass() {
        let (time, wall) = mocked();
        let start = wall.ticks();
        time.pass(3 * S);
        assert_eq!(between(&wall, start, wall.ticks()), 3 * S);
        assert_eq!(between(&wall, start, start), 0);
    }

    #[test]
    fn a_negative_delta_is_zero_and_counted() {
        let (time, wall) = mocked();
        let (start, before) = (wall.ticks(), counted("clock_backwards"));
        time.jump(-5 - OWN_PART as i64);
        assert_eq!(between(&wall, start, wall.ticks()), 0);
        assert!(counted("clock_backwards") > before);
    }

    #[test]
    fn a_jump_is_zero_and_counted_and_what_follows_is_fine() {
        let (time, wall) = mocked();
        let (start, before) = (wall.ticks(), counted("clock_jump"));
        time.pass(S / 2);
        time.jump(60 * S as i64);
        assert_eq!(between(&wall, start, wall.ticks()), 0, "a minute of suspension is charged to no call");
        assert!(counted("clock_jump") > before);
        time.pass(S);
        let start = wall.ticks();
        time.pass(2 * S);
        assert_eq!(between(&wall, start, wall.ticks()), 2 * S);
    }

    #[test]
    fn a_jump_found_while_observing_does_not_blame_later_calls() {
        let (time, wall) = mocked();
        time.jump(60 * S as i64);
        wall.observe(wall.ticks());
        time.pass(1);
        let start = wall.ticks();
        time.pass(2 * S);
        assert_eq!(between(&wall, start, wall.ticks()), 2 * S);
    }
}
