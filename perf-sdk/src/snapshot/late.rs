//! Functions as scrapes show them, and those that are read piece by piece.

use std::fmt::Debug;
use std::ops::Range;

use super::exemplars::Exemplar;
use super::function::Function;
use super::instrument_use::InstrumentUse;
use crate::base::plain::is_plain;
use crate::histogram::Histogram;

/// Which distribution of a function is read beside its other figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FunctionPart {
    /// None of them.
    Figures,
    /// Wall times, with their exemplars.
    Wall,
    Cpu,
    Bytes,
}

/// What scrapes show of one function beside its distributions.
// PERF: there is one for each function while a scrape is written, so what few functions have is
// elsewhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures<'a> {
    pub(crate) name: &'a str,
    pub(crate) module: &'a str,
    /// Whether no text format needs an escape in the names.
    pub(crate) is_plain: bool,
    pub(crate) is_future: bool,
    pub(crate) has_live: bool,
    pub(crate) has_cpu: bool,
    pub(crate) has_bytes: bool,
    pub(crate) one_in: u32,
    pub(crate) ok: u64,
    pub(crate) samples: u64,
    pub(crate) self_wall_ns: i64,
    pub(crate) self_cpu_ns: i64,
    pub(crate) self_error_ns: u64,
    pub(crate) allocations: i64,
    pub(crate) freed_bytes: i64,
    pub(crate) rare: Option<Box<RareFigures>>,
}

/// The figures that are 0 for most functions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RareFigures {
    pub(crate) error: u64,
    pub(crate) panic: u64,
    pub(crate) cancelled: u64,
    pub(crate) estimated_calls: u64,
    pub(crate) running: u64,
    pub(crate) live_bytes: u64,
    pub(crate) live_objects: u64,
    pub(crate) stack_samples: u64,
    pub(crate) sampled_cpu_ns: u64,
    pub(crate) lock_contentions: u64,
    pub(crate) lock_wait_ns: u64,
    pub(crate) idle_ns: u64,
    pub(crate) instruments: Vec<InstrumentUse>,
}

static NONE: RareFigures = RareFigures {
    error: 0,
    panic: 0,
    cancelled: 0,
    estimated_calls: 0,
    running: 0,
    live_bytes: 0,
    live_objects: 0,
    stack_samples: 0,
    sampled_cpu_ns: 0,
    lock_contentions: 0,
    lock_wait_ns: 0,
    idle_ns: 0,
    instruments: Vec::new(),
};

impl<'a> Figures<'a> {
    pub(crate) fn of(function: &'a Function) -> Self {
        let live = function.live.unwrap_or_default();
        let rare = RareFigures {
            error: function.calls.error,
            panic: function.calls.panic,
            cancelled: function.calls.cancelled,
            estimated_calls: function.estimated_calls,
            running: function.running,
            live_bytes: live.bytes,
            live_objects: live.objects,
            stack_samples: function.stack_samples,
            sampled_cpu_ns: function.sampled_cpu_ns,
            lock_contentions: function.lock_contentions,
            lock_wait_ns: function.lock_wait_ns,
            idle_ns: function.future.unwrap_or_default().idle_ns,
            instruments: function.instruments.clone(),
        };
        Self {
            name: &function.name,
            module: &function.module,
            is_plain: is_plain(&function.name) && is_plain(&function.module),
            is_future: function.future.is_some(),
            has_live: function.live.is_some(),
            has_cpu: function.cpu.is_some(),
            has_bytes: function.bytes.is_some(),
            one_in: function.one_in,
            ok: function.calls.ok,
            samples: function.samples,
            self_wall_ns: function.exclusive.wall_ns,
            self_cpu_ns: function.exclusive.cpu_ns,
            self_error_ns: function.exclusive_error_ns,
            allocations: function.inclusive.allocations,
            freed_bytes: function.inclusive.freed_bytes,
            rare: (rare != NONE).then(|| Box::new(rare)),
        }
    }

    pub(crate) fn rare(&self) -> &RareFigures {
        self.rare.as_deref().unwrap_or(&NONE)
    }

    /// CPU time for which stack samples stand, over that which was recorded. `None` with less than
    /// 20 samples, where it is too uncertain.
    pub(crate) fn sampled_cpu_ratio(&self) -> Option<f64> {
        let RareFigures { stack_samples, sampled_cpu_ns, .. } = *self.rare();
        let is_known = stack_samples >= 20 && self.has_cpu && self.self_cpu_ns > 0;
        is_known.then(|| sampled_cpu_ns as f64 / self.self_cpu_ns as f64)
    }
}

/// One distribution of a function. Its memory is used again.
#[derive(Debug, Default)]
pub(crate) struct LateDistribution {
    /// Not meaningful where the function has none.
    pub(crate) histogram: Histogram,
    pub(crate) exemplars: Vec<Exemplar>,
}

/// The functions of a snapshot in a form that takes less memory.
pub(crate) trait LateFunctions: Debug + Send {
    /// By module and name.
    fn figures(&self) -> &[Figures<'_>];
    /// Makes `into` this distribution of these functions.
    fn read(&mut self, range: Range<usize>, part: FunctionPart, into: &mut Vec<LateDistribution>);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{FutureTotals, Live, Totals};

    #[test]
    fn only_figures_that_are_not_zero_take_memory() {
        let quiet =
            Function { samples: 7, exclusive: Totals { wall_ns: 5, ..Totals::default() }, ..Function::default() };
        let figures = Figures::of(&quiet);
        assert_eq!((figures.samples, figures.self_wall_ns, figures.rare()), (7, 5, &NONE));
        assert!(figures.rare.is_none());
        let live = Some(Live { bytes: 9, ..Live::default() });
        let future = Some(FutureTotals { idle_ns: 3, ..FutureTotals::default() });
        let busy = Function { running: 2, live, future, ..Function::default() };
        let figures = Figures::of(&busy);
        assert_eq!((figures.rare().running, figures.rare().live_bytes, figures.rare().idle_ns), (2, 9, 3));
        assert!(figures.has_live && figures.is_future && !figures.has_cpu);
    }
}
