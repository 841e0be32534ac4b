//! The CPU clock of one thread: an anchor, and how long it is valid.
//!
//! An anchor is a moment at which both the counter and the thread's CPU time are known. As long as
//! the thread has not left the CPU since, its CPU time is that of the anchor plus the elapsed
//! ticks. A witness shows when it has left. Then the kernel is asked once, which costs less than
//! the context switch did.

use super::anomaly::{self, Anomaly};
use super::engine::Engine;
#[cfg(all(target_os = "linux", not(miri)))]
use super::linux::{self, Area, Event};
#[cfg(test)]
use super::mock;
use super::wall::{OWN_PART, Wall};
use super::witness::Witness;
use super::{syscall, usable};

/// Where the kernel must be asked for each measured call, at most one call in this many is
/// measured.
pub(crate) const DEFAULT_INTERVAL: u32 = 512;

/// The maximum age of an anchor. A witness does not show preemption by a hypervisor, so the kernel
/// is asked this often.
const LEASE_NS: u64 = 10_000_000;
/// Attempts to take an anchor without being switched out meanwhile.
const TRIES: u32 = 8;
/// The maximum time charged for asking the kernel; more means that the thread was switched out.
const MOST_ASKED_NS: u64 = 5_000;
/// A prediction may be wrong by one part in this many.
const MISS_SHARE: u64 = 100;

/// One thread's CPU clock. Used by its owner thread only.
#[derive(Debug)]
pub(crate) struct ThreadCpu {
    witness: Witness,
    /// The value of the witness's word for as long as the anchor is valid.
    expected: u64,
    /// The ticks of the anchor.
    anchored: u64,
    /// CPU time in ticks is ticks plus this, wrapping.
    offset: u64,
    engine: Engine,
    source: Source,
    /// Set by a miss: the kernel's count of context switches at the last anchor. If the thread is
    /// switched while the witness does not change, the witness is broken. If it is not switched, a
    /// hypervisor or interrupts took the time.
    suspicion: Option<u64>,
    /// Total ticks spent asking the kernel when an anchor was due.
    asked: u64,
    /// The part of `asked` that was [taken](Self::take_asked).
    taken: u64,
    /// The time off the CPU that was not [taken](Self::take_absence) yet.
    absence: Absence,
}

/// Time that a thread was off the CPU, in ticks. Slightly negative where the kernel's clock and the
/// counter differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Absence {
    /// The part before the moment at which the clock was read.
    pub(crate) before: i64,
    /// The part after it, while the kernel was asked.
    pub(crate) after: i64,
}

/// The source of the witness's word.
#[derive(Debug)]
enum Source {
    Nothing,
    #[cfg(all(target_os = "linux", not(miri)))]
    Event {
        event: Event,
        /* CPU time when the event's own time was 0 */ base_ns: u64,
    },
    #[cfg(all(target_os = "linux", not(miri)))]
    Area(Area),
    #[cfg(test)]
    Mock(&'static mock::Time),
}

impl ThreadCpu {
    /// A clock for a thread that is being torn down: it asks the kernel and owns no resources.
    pub(crate) fn detached() -> Self {
        Self {
            witness: Witness::none(),
            expected: 0,
            anchored: 0,
            offset: 0,
            engine: Engine::Syscall,
            source: Source::Nothing,
            suspicion: None,
            asked: 0,
            taken: 0,
            absence: Absence::default(),
        }
    }

    /// A clock with this engine. `None` if this thread cannot use it.
    pub(super) fn with(engine: Engine, wall: &Wall) -> Option<Self> {
        let (source, witness) = Self::open(engine, wall)?;
        let mut cpu = Self { engine, source, witness, ..Self::detached() };
        if engine != Engine::Syscall {
            cpu.anchor(wall);
        }
        Some(cpu)
    }

    #[cfg(all(target_os = "linux", not(miri)))]
    fn open(engine: Engine, wall: &Wall) -> Option<(Source, Witness)> {
        if engine == Engine::Syscall {
            return Some((Source::Nothing, Witness::none()));
        }
        // The kernel's time and the counter must be the same clock.
        if !wall.is_counter() {
            return None;
        }
        let lease = linux::lease(wall.ticks_of_ns(LEASE_NS))?;
        match engine {
            Engine::PerfTime | Engine::PerfSeq => {
                // The system call alone may end the process: see `sandbox`. Checked for each
                // thread, since a filter may have been installed meanwhile.
                if crate::base::sandbox::is_filtered() {
                    return None;
                }
                let event = Event::open()?;
                let mut base_ns = 0;
                if engine == Engine::PerfTime {
                    if !event.tells_time() {
                        linux::close(event, false);
                        return None;
                    }
                    base_ns = syscall::thread_cpu_ns()?.wrapping_sub(linux::time_ns(&event, wall.ticks()));
                }
                let witness = linux::witness_of_event(lease, &event);
                Some((Source::Event { event, base_ns }, witness))
            }
            Engine::Rseq => {
                let area = Area::find()?;
                let witness = linux::witness_of_area(lease, &area);
                Some((Source::Area(area), witness))
            }
            Engine::Syscall => None,
        }
    }

    #[cfg(any(miri, not(target_os = "linux")))]
    fn open(engine: Engine, _: &Wall) -> Option<(Source, Witness)> {
        (engine == Engine::Syscall).then_some((Source::Nothing, Witness::none()))
    }

    /// The offset that converts `ticks`, just read, to CPU time. `None` if the anchor is not valid.
    #[inline(always)]
    pub(crate) fn offset_at(&self, ticks: u64) -> Option<u64> {
        self.witness.holds(ticks.wrapping_sub(self.anchored), &self.expected).then_some(self.offset)
    }

    /// Whether a call of `duration` ticks which began with this offset, and ended at `ticks`, just
    /// read, was on the CPU all of the time. It is at most as long as an anchor is valid, and no
    /// further below 0 than the subtraction of instrumentation overhead can bring it. Otherwise
    /// false.
    #[inline(always)]
    pub(crate) fn was_here(&self, ticks: u64, duration: i64, offset: u64) -> bool {
        let duration = (duration as u64).wrapping_add(OWN_PART);
        self.offset == offset && self.witness.holds_for(ticks.wrapping_sub(self.anchored), &self.expected, duration)
    }

    /// At the beginning of a call: its ticks, and the offset that converts them to CPU time. If a
    /// new anchor is due, it is taken before.
    #[inline]
    pub(crate) fn enter(&mut self, wall: &Wall) -> (u64, u64) {
        let ticks = wall.ticks();
        if let Some(offset) = self.offset_at(ticks) {
            return (ticks, offset);
        }
        self.renew(wall, ticks);
        (self.anchored, self.offset)
    }

    /// At the end of a call, at `ticks`: the offset. If a new anchor is due, it is taken after.
    pub(crate) fn exit(&mut self, wall: &Wall, ticks: u64) -> u64 {
        self.offset_at(ticks).unwrap_or_else(|| self.renew(wall, ticks))
    }

    /// Total ticks spent asking the kernel when an anchor was due. That is mostly after the thread
    /// was off the CPU, and costs more the colder the caches are.
    pub(crate) fn asked(&self) -> u64 {
        self.asked
    }

    /// The increase of [`asked`](Self::asked) since the last call of this.
    pub(crate) fn take_asked(&mut self) -> u64 {
        let ticks = self.asked - self.taken;
        self.taken = self.asked;
        ticks
    }

    /// How long the thread was off the CPU since the last call of this, as far as new anchors
    /// showed. Zero where the kernel is asked for each call.
    pub(crate) fn take_absence(&mut self) -> Absence {
        std::mem::take(&mut self.absence)
    }

    /// The offset that converts ticks to CPU time, valid until the thread leaves the CPU.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes a new anchor if the witness has changed, at the begin or end of a count-only call.
    pub(crate) fn note_switch(&mut self, wall: &Wall) {
        if !self.sampled() {
            self.renew(wall, wall.ticks());
        }
    }

    /// Takes a new anchor, because the old one is too old or the thread left the CPU. Returns the
    /// offset that was valid until now. `ticks` were just read.
    #[cold]
    #[inline(never)]
    fn renew(&mut self, wall: &Wall, ticks: u64) -> u64 {
        if self.engine != Engine::Syscall {
            if !self.witness.is_leased() {
                // A forked child in which no fork handler ran: the witness's memory is not mapped.
                self.drop_source(true);
            } else if usable::is_given_up(self.engine) {
                self.drop_source(false);
            }
        }
        let (was_anchored, was_offset) = (self.anchored, self.offset);
        // Before the witness is checked: on a busy machine, taking a new anchor is where a thread
        // is switched out, and the old anchor's witness need not have shown that.
        let is_unmoved = |cpu: &Self| cpu.engine != Engine::Syscall && cpu.witness.unmoved(cpu.expected);
        let switches = if self.suspicion.is_some() && is_unmoved(self) { self.switches() } else { None };
        let unmoved = is_unmoved(self);
        let held = self.anchor(wall);
        if self.engine != Engine::Syscall {
            self.absence.before += was_offset.wrapping_sub(held) as i64;
            self.absence.after += held.wrapping_sub(self.offset) as i64;
        }
        // If the thread was switched out meanwhile, that time is not instrumentation overhead.
        let took = self.anchored.wrapping_sub(ticks);
        self.asked = self.asked.wrapping_add(took.min(wall.ticks_of_ns(MOST_ASKED_NS)));
        wall.observe(self.anchored);
        if unmoved {
            let missed = (held.wrapping_sub(was_offset) as i64).unsigned_abs();
            self.check(wall, ticks.wrapping_sub(was_anchored), missed, switches);
        } else if self.suspicion.is_some() {
            self.suspicion = self.switches();
        }
        held
    }

    /// Checks the prediction of the old anchor, which was used for `elapsed` ticks and whose
    /// prediction at their end was off by `missed`. `switches`: the kernel's count of context
    /// switches, read before the witness was found unchanged.
    fn check(&mut self, wall: &Wall, elapsed: u64, missed: u64, switches: Option<u64>) {
        if wall.ns(elapsed) >= LEASE_NS && missed > elapsed / MISS_SHARE {
            anomaly::count(Anomaly::CpuMiss);
            match (self.suspicion, switches) {
                (Some(before), Some(now)) if before != now => {
                    usable::demote(self.engine);
                    self.drop_source(false);
                }
                _ => self.suspicion = self.switches(),
            }
        } else if self.suspicion.is_some() {
            self.suspicion = self.switches();
        }
    }

    /// Reads CPU time and ticks at one moment: with the same witness word before and after. Returns
    /// the offset that was valid until then.
    ///
    /// That is the offset of the first attempt. On a busy machine, the thread is often switched out
    /// in the system call that reads the CPU time, and time off the CPU after the reading does not
    /// belong to anything that ended before it.
    fn anchor(&mut self, wall: &Wall) -> u64 {
        let mut held = None;
        for attempt in 1..=TRIES {
            let expected = self.arm();
            let ticks_before = wall.ticks();
            let cpu_ns = self.cpu_ns(ticks_before);
            let ticks = wall.ticks();
            self.expected = expected;
            self.anchored = ticks;
            self.offset = wall.ticks_of_ns(cpu_ns).wrapping_sub(ticks);
            if self.engine == Engine::Syscall || self.witness.unmoved(expected) {
                return held.unwrap_or(self.offset);
            }
            held.get_or_insert(wall.ticks_of_ns(cpu_ns).wrapping_sub(ticks_before));
            if attempt == TRIES {
                anomaly::count(Anomaly::CpuUnsettled);
            }
        }
        held.unwrap_or(self.offset)
    }

    /// Arms the word, so that it changes when the thread leaves the CPU. Returns its value.
    fn arm(&self) -> u64 {
        match &self.source {
            Source::Nothing => 0,
            #[cfg(all(target_os = "linux", not(miri)))]
            Source::Event { event, .. } => linux::read_word(event.word()),
            #[cfg(all(target_os = "linux", not(miri)))]
            Source::Area(area) => area.arm(),
            #[cfg(test)]
            Source::Mock(time) => time.witness.load(std::sync::atomic::Ordering::Relaxed),
        }
    }

    fn cpu_ns(&self, _ticks: u64) -> u64 {
        match &self.source {
            #[cfg(all(target_os = "linux", not(miri)))]
            Source::Event { event, base_ns } if self.engine == Engine::PerfTime => {
                base_ns.wrapping_add(linux::time_ns(event, _ticks))
            }
            #[cfg(test)]
            Source::Mock(time) => time.cpu_ns(),
            _ => syscall::thread_cpu_ns().unwrap_or(0),
        }
    }

    fn switches(&self) -> Option<u64> {
        match &self.source {
            #[cfg(test)]
            Source::Mock(time) => Some(time.switches()),
            _ => syscall::thread_switches(),
        }
    }

    /// Drops the source. From now on the kernel is asked.
    fn drop_source(&mut self, _forked: bool) {
        match std::mem::replace(&mut self.source, Source::Nothing) {
            #[cfg(all(target_os = "linux", not(miri)))]
            Source::Event { event, .. } => linux::close(event, _forked),
            #[cfg(all(target_os = "linux", not(miri)))]
            Source::Area(area) => area.disarm(),
            #[cfg(test)]
            mock @ Source::Mock(_) => self.source = mock,
            Source::Nothing => {}
        }
        self.witness = Witness::none();
        self.engine = Engine::Syscall;
        self.suspicion = None;
    }

    /// Releases all resources, because the thread ends. Repeated calls are harmless.
    pub(crate) fn detach(&mut self) {
        self.drop_source(false);
    }

    /// Whether the kernel is asked for each measured call, so that calls must be sampled.
    #[inline]
    pub(crate) fn sampled(&self) -> bool {
        self.engine == Engine::Syscall
    }

    pub(super) fn engine(&self) -> Engine {
        self.engine
    }

    /// CPU time of the calling thread, by a system call.
    pub(crate) fn cpu_now_ns() -> u64 {
        syscall::thread_cpu_ns().unwrap_or(0)
    }

    #[cfg(test)]
    pub(super) fn mocked(time: &'static mock::Time, wall: &Wall) -> Self {
        use std::sync::atomic::AtomicU64;
        let lease: &'static AtomicU64 = Box::leak(Box::new(AtomicU64::new(LEASE_NS)));
        let mut cpu = Self {
            engine: Engine::PerfSeq,
            source: Source::Mock(time),
            witness: super::witness::mocked(lease, &time.witness),
            ..Self::detached()
        };
        cpu.anchor(wall);
        cpu
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::mock::Time;

    const MS: u64 = 1_000_000;

    /// The CPU time of `f`.
    fn cpu_of(cpu: &mut ThreadCpu, wall: &Wall, f: impl FnOnce()) -> u64 {
        let (start, before) = cpu.enter(wall);
        f();
        let end = wall.ticks();
        let after = cpu.exit(wall, end);
        end.wrapping_add(after).wrapping_sub(start.wrapping_add(before))
    }

    #[test]
    fn running_counts_and_sleeping_does_not() {
        let (time, wall, mut cpu) = Time::world();
        assert_eq!(cpu_of(&mut cpu, wall, || time.run(500)), 500);
        let mixed = cpu_of(&mut cpu, wall, || {
            time.run(300);
            time.sleep(7 * MS);
            time.run(40);
        });
        assert_eq!(mixed, 340);
    }

    #[test]
    fn a_sleep_between_calls_belongs_to_none() {
        let (time, wall, mut cpu) = Time::world();
        cpu_of(&mut cpu, wall, || time.run(10));
        time.sleep(50 * MS);
        assert_eq!(cpu_of(&mut cpu, wall, || time.run(20)), 20);
    }

    #[test]
    fn a_new_anchor_is_not_charged_to_the_call() {
        let (time, wall, mut cpu) = Time::world();
        time.set_reading_ns(385);
        time.sleep(1);
        assert_eq!(cpu_of(&mut cpu, wall, || time.run(100)), 100, "taken before the call");
        let after = cpu_of(&mut cpu, wall, || {
            time.run(100);
            time.sleep(1);
        });
        assert!(after <= 100 + 385, "{after}");
    }

    #[test]
    fn switched_out_by_the_reading_itself_is_not_the_calls_time() {
        let (time, wall, mut cpu) = Time::world();
        let spent = cpu_of(&mut cpu, wall, || {
            time.run(300);
            time.sleep(50);
            time.run(300);
            time.sleep_after_reading(8 * MS);
        });
        assert_eq!(spent, 600);
        assert_eq!(cpu_of(&mut cpu, wall, || time.run(70)), 70);
    }

    #[test]
    fn stolen_time_is_found_when_the_anchor_is_old() {
        let (time, wall, mut cpu) = Time::world();
        for _ in 0..3 {
            let stolen = cpu_of(&mut cpu, wall, || {
                time.run(8 * MS);
                time.steal(8 * MS);
            });
            assert_eq!(stolen, 8 * MS);
        }
        assert!(!cpu.sampled(), "time taken by a hypervisor is not the engine's fault");
    }

    #[test]
    fn a_switch_while_the_anchor_is_renewed_is_not_the_witness_s_fault() {
        let (time, wall, mut cpu) = Time::world();
        // An engine is abandoned for the whole process, so this must not be the one that other
        // tests use.
        cpu.engine = Engine::Rseq;
        // After this, the engine is suspected.
        cpu_of(&mut cpu, wall, || time.steal(20 * MS));
        for _ in 0..3 {
            let spent = cpu_of(&mut cpu, wall, || {
                time.run(12 * MS);
                time.steal(8 * MS);
                time.sleep_after_reading(5 * MS);
            });
            assert_eq!(spent, 12 * MS);
            assert!(!cpu.sampled() && !usable::is_given_up(Engine::Rseq));
        }
    }

    #[test]
    fn a_switch_while_the_anchor_is_renewed_is_no_miss() {
        let (time, wall, mut cpu) = Time::world();
        cpu_of(&mut cpu, wall, || {
            time.run(12 * MS);
            time.sleep_after_reading(5 * MS);
        });
        assert_eq!(cpu.suspicion, None);
    }

    #[test]
    fn a_witness_that_does_not_see_is_given_up_after_two_misses() {
        let (time, wall, mut cpu) = Time::world();
        // The engine is abandoned for the whole process, so this must not be the one that other
        // tests use.
        cpu.engine = Engine::PerfTime;
        time.blind();
        assert_eq!(cpu_of(&mut cpu, wall, || time.sleep(20 * MS)), 0, "found when the anchor is too old");
        assert!(!cpu.sampled(), "one miss may be chance");
        assert_eq!(cpu_of(&mut cpu, wall, || time.sleep(20 * MS)), 0);
        assert!(cpu.sampled() && usable::is_given_up(Engine::PerfTime));
    }
}
