//! The engines that determine a thread's CPU time, and their order of preference.

use std::fmt;

use crate::settings::CpuClock;

/// How the CPU time of a thread is determined. Declared in order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Computed from the page of a perf event, without any system call. Needs `cap_user_time`,
    /// which virtual machines lack.
    PerfTime,
    /// The kernel clears the thread's restartable-sequence pointer when the thread leaves the CPU.
    Rseq,
    /// The sequence word in the page of a perf event changes when the thread leaves the CPU. Ranked
    /// after `Rseq`, because an event costs about a microsecond at each context switch, one page
    /// for each thread, and a descriptor for a moment.
    PerfSeq,
    /// The kernel is asked, for a sample of the calls.
    Syscall,
}

impl Engine {
    pub(crate) const PREFERENCE: [Self; 4] = [Self::PerfTime, Self::Rseq, Self::PerfSeq, Self::Syscall];

    /// The name in `PERF_CPU_CLOCK` and in the label of `perf_cpu_clock_info`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PerfTime => "perf-time",
            Self::PerfSeq => "perf-seq",
            Self::Rseq => "rseq",
            Self::Syscall => "syscall",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<CpuClock> for Engine {
    fn from(clock: CpuClock) -> Self {
        match clock {
            CpuClock::PerfTime => Self::PerfTime,
            CpuClock::Rseq => Self::Rseq,
            CpuClock::PerfSeq => Self::PerfSeq,
            CpuClock::Syscall => Self::Syscall,
        }
    }
}

/// A set of engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Engines(u8);

impl Engines {
    pub(super) const NONE: Self = Self(0);
    pub(super) const ALL: Self = Self(0b1111);

    pub(super) const fn of(engine: Engine) -> Self {
        Self(engine.bit())
    }

    pub(super) const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }

    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    pub(super) const fn with(self, engine: Engine) -> Self {
        Self(self.0 | engine.bit())
    }

    pub(super) const fn contains(self, engine: Engine) -> bool {
        self.0 & engine.bit() != 0
    }

    /// The engines in order of preference.
    pub(super) fn iter(self) -> impl Iterator<Item = Engine> {
        Engine::PREFERENCE.into_iter().filter(move |engine| self.contains(*engine))
    }

    /// The most preferred engine of the set.
    pub(super) fn first(self) -> Option<Engine> {
        self.iter().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_called_as_its_setting() {
        let all = [CpuClock::PerfTime, CpuClock::Rseq, CpuClock::PerfSeq, CpuClock::Syscall];
        assert_eq!(all.map(Engine::from), Engine::PREFERENCE);
        assert_eq!(all.map(CpuClock::name), Engine::PREFERENCE.map(Engine::name));
    }

    #[test]
    fn sets_keep_the_order_of_preference() {
        let set = Engines::NONE.with(Engine::Syscall).with(Engine::Rseq).with(Engine::PerfSeq);
        assert_eq!(set.first(), Some(Engine::Rseq));
        assert_eq!(set.iter().collect::<Vec<_>>(), [Engine::Rseq, Engine::PerfSeq, Engine::Syscall]);
        assert_eq!(Engines::from_bits(set.bits()), set);
        assert_eq!(Engines::ALL.iter().collect::<Vec<_>>(), Engine::PREFERENCE);
    }
}
