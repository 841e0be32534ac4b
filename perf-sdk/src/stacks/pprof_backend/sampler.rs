//! The pprof crate as the sampler, where this crate's own does not work. It samples only while a
//! profile is being taken.
//!
//! Its timer belongs to the process, not to a thread. A signal reaches one running thread, and is
//! lost while another one is being handled. So each sample stands for exactly one period. The time
//! of all samples compared with the process's CPU time shows how many are missing. The kernel
//! counts time for this timer in whole ticks, so on a machine with other load there may be more
//! samples than were due.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use pprof::Frames;

use super::super::engine::{Engine, Rules};
use super::super::image::{Image, holding};
use super::super::linux;
use super::super::name_cache::{self, Line};
use super::super::picture::Picture;
use super::super::rates::USUAL_HZ;
use super::super::sample::{Facts, Sample};
use super::super::stack_counts::Seen;
use super::super::stack_table::{Resolve, Table};
use super::super::totals::Totals;
use super::super::unavailable::Unavailable;
use super::active_profile::{ActiveProfile, HANDLED, interrupted, is_of_parent};
use super::sigprof::{Action, Blocked};
use crate::base::sandbox;
use crate::clock;
#[cfg(feature = "heap")]
use crate::memory;
use crate::snapshot::SamplingState;

/// The number of frames of a stack that the crate keeps, including those of its handler.
const DEPTH: usize = 128;
/// The maximum time between two readings of the crate's results.
const READ: Duration = Duration::from_secs(5);
/// The maximum number of different stacks in the crate's table at a reading.
const MAX_STACKS: usize = 1 << 13;
/// The interval of checks whether the program took over the signal.
const LOOK: Duration = Duration::from_millis(250);

/// The crate knows neither scopes nor labels.
const NOWHERE: Resolve = Resolve { sites: |_| Vec::new(), labels: |_| &[] };

const SANDBOXED: &str = "the program installed a seccomp filter, which may not allow the pprof crate";

pub(in super::super) struct PprofSampler {
    /// The default samples per second.
    hz: u32,
    wanted: Vec<u32>,
    run: Option<ActiveProfile>,
    /// Why the last profile could not begin.
    failed: Option<&'static str>,
    table: Table,
    images: Vec<Image>,
    began: u64,
    read_at: Instant,
    /// As of the last reading.
    sums: Totals,
    /// While samples are requested, even if there are none: CPU time of the process up to the last
    /// reading.
    counted_to_ns: Option<u64>,
}

impl PprofSampler {
    pub(in super::super) fn new(rules: Rules) -> Result<Self, Unavailable> {
        if is_of_parent() {
            return Err(Unavailable::Forked);
        }
        if Action::now().is_none_or(|action| action.handler().is_some()) {
            return Err(Unavailable::ProfTaken);
        }
        Ok(Self {
            hz: if rules.hz == 0 { USUAL_HZ } else { rules.hz },
            wanted: Vec::new(),
            run: None,
            failed: None,
            table: Table::default(),
            images: Vec::new(),
            began: clock::wall().ticks(),
            read_at: Instant::now(),
            sums: Totals::default(),
            counted_to_ns: None,
        })
    }

    pub(in super::super) fn state(&self) -> SamplingState {
        let is_handled = || Action::now().is_none_or(|action| action.handler().is_some());
        let reason = match (&self.run, self.failed) {
            _ if sandbox::is_tighter() => SANDBOXED,
            (None, _) if is_handled() => HANDLED,
            (None, Some(failed)) => failed,
            _ => return SamplingState::on_with("pprof", Some("only while a profile is taken".to_owned())),
        };
        SamplingState::Unavailable(reason.to_owned())
    }

    /// Ends a profile if the program has taken over the signal.
    pub(in super::super) fn look(&mut self) -> Duration {
        // A profile may run for hours, where profiles are pushed.
        if self.read_at.elapsed() > READ {
            self.read();
        }
        if self.run.as_ref().is_some_and(|run| !sandbox::is_tighter() && !run.is_ours()) {
            self.end();
        }
        LOOK
    }

    /// Begins to sample, or changes the rate. `false` if it cannot.
    ///
    /// **Cost.** The first time, the crate reads the program's debug information. A third of a
    /// second and 250 MiB were observed, which stay allocated.
    pub(in super::super) fn want(&mut self, hz: u32) -> bool {
        if sandbox::is_tighter() {
            return false;
        }
        if self.run.as_ref().is_none_or(|run| run.hz < hz) {
            let former = self.run.as_ref().map(|run| run.hz);
            self.end();
            match ActiveProfile::begin(hz) {
                Ok(run) => (self.run, self.failed) = (Some(run), None),
                Err(failed) => {
                    self.failed = Some(failed);
                    // For the remaining requests, with a lower rate.
                    self.run = former.and_then(|hz| ActiveProfile::begin(hz).ok());
                    return false;
                }
            }
        }
        self.wanted.push(hz);
        self.counted_to_ns = self.counted_to_ns.or_else(clock::process_cpu_ns);
        true
    }

    /// None, by the settings: it samples only on request.
    #[cfg(feature = "push")]
    pub(in super::super) fn always_hz(&self) -> u32 {
        self.hz
    }

    pub(in super::super) fn want_no_more(&mut self, hz: u32) {
        if let Some(at) = self.wanted.iter().position(|wanted| *wanted == hz) {
            self.wanted.swap_remove(at);
        }
        let Some(most) = self.wanted.iter().copied().max() else {
            self.end();
            self.counted_to_ns = None;
            return;
        };
        if !sandbox::is_tighter() && self.run.as_ref().is_some_and(|run| run.hz > most) {
            self.end();
            match ActiveProfile::begin(most) {
                Ok(run) => self.run = Some(run),
                Err(failed) => self.failed = Some(failed),
            }
        }
    }

    pub(in super::super) fn serial(&self) -> u64 {
        self.began
    }

    pub(in super::super) fn picture(&mut self) -> Picture {
        self.read();
        Picture {
            serial: self.serial(),
            engine: Engine::Pprof,
            hz: self.run.as_ref().map_or(self.hz, |run| run.hz),
            totals: self.totals(),
            stacks: self.table.copy(),
            images: self.images.clone(),
        }
    }

    pub(in super::super) fn totals(&self) -> Totals {
        Totals { at: clock::wall().ticks().saturating_sub(self.began), folded: self.table.folded, ..self.sums }
    }

    #[cfg(feature = "heap")]
    pub(in super::super) fn images(&self) -> Vec<Image> {
        self.images.clone()
    }

    fn end(&mut self) {
        self.read();
        self.run = None;
    }

    /// Takes over the crate's results since the last time.
    fn read(&mut self) {
        self.read_at = Instant::now();
        if let (Some(before), Some(now)) = (self.counted_to_ns, clock::process_cpu_ns()) {
            self.sums.process_ns += now.saturating_sub(before);
            self.counted_to_ns = Some(now);
        }
        if self.run.is_some() {
            // A handler on this thread would find the loader's lock held.
            let _blocked = Blocked::here();
            reload(&mut self.images, &mut self.table);
            if !self.read_report() {
                self.begin_again();
            }
        }
    }

    /// Restarts the crate, which clears its results only at a start. Otherwise those that do not
    /// fit into its table go to a growing file.
    fn begin_again(&mut self) {
        let Some(hz) = self.run.take().map(|run| run.hz) else { return };
        match ActiveProfile::begin(hz) {
            Ok(run) => self.run = Some(run),
            Err(failed) => self.failed = Some(failed),
        }
    }

    /// `false` if the crate has too many results, or cannot report them.
    fn read_report(&mut self) -> bool {
        let Some(run) = &mut self.run else { return true };
        let Some(report) = run.guard.as_ref().and_then(|guard| guard.report().build_unresolved().ok()) else {
            return false;
        };
        let weight_ns = 1_000_000_000 / u64::from(run.hz);
        let mut threads = HashSet::new();
        for (stack, count) in &report.data {
            threads.insert(stack.thread_id);
            let before = run.report.as_ref().and_then(|report| report.data.get(stack)).copied().unwrap_or(0);
            let new = u64::try_from(count - before).unwrap_or(0);
            if new == 0 {
                continue;
            }
            let addresses: Vec<u64> = stack.frames.iter().map(|frame| frame.ip().addr() as u64).collect();
            let first = interrupted(&addresses, run.handler);
            let mut frames = Vec::with_capacity(addresses.len() - first);
            for (at, frame) in stack.frames.iter().enumerate().skip(first) {
                // The address of a caller is where it continues after the call, which may be on
                // another line.
                let address = addresses[at].saturating_sub(u64::from(at > first));
                if holding(&self.images, address).is_none() {
                    name_cache::learn(address, || {
                        let mut alone = stack.clone();
                        alone.frames.clear();
                        alone.frames.push(frame.clone());
                        lines(&Frames::from(alone))
                    });
                }
                frames.push(address);
            }
            let is_cut = stack.frames.len() >= DEPTH;
            let sample = Sample { facts: Facts { weight_ns, is_cut, ..Facts::default() }, frames };
            let name = stack.thread_name.get(..stack.thread_name_length).unwrap_or_default();
            let thread = self.table.thread(&String::from_utf8_lossy(name));
            let seen = Seen { samples: new, ns: new * weight_ns, off_ns: 0 };
            self.table.add(&sample, thread, seen, NOWHERE);
            self.sums.samples += new;
            self.sums.sampled_ns += new * weight_ns;
            self.sums.cut += if is_cut { new } else { 0 };
        }
        self.sums.threads = threads.len() as u64;
        let is_little = report.data.len() <= MAX_STACKS;
        run.report = Some(report);
        is_little
    }
}

/// The functions of one frame, as the crate reports them.
fn lines(frames: &Frames) -> Vec<Line> {
    let known = frames.frames.iter().flatten().filter(|symbol| symbol.name.is_some());
    known
        .map(|symbol| Line {
            function: symbol.name().into(),
            file: symbol.filename.as_ref().map_or_else(String::new, |file| file.display().to_string()).into(),
            line: symbol.lineno(),
        })
        .collect()
}

/// Reads the loaded images. Where they are unknown, the crate names addresses itself.
fn reload(images: &mut Vec<Image>, table: &mut Table) {
    let before = std::mem::replace(images, linux::images());
    // The crate has its own tables.
    images.iter_mut().for_each(|image| image.tables = None);
    linux::forget_images();
    let is_here = |gone: &Image| images.iter().any(|image| (image.base, &image.path) == (gone.base, &gone.path));
    for gone in before.iter().filter(|gone| !is_here(gone)) {
        table.forget(&gone.code);
        #[cfg(feature = "heap")]
        memory::note_unloaded(&gone.code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn spin_until(is_over: impl Fn() -> bool) -> u64 {
        let mut sum = 1_u64;
        while !is_over() {
            sum = std::hint::black_box((0..1_000).fold(sum, |sum, n| sum.rotate_left(7) ^ n));
        }
        sum
    }

    /// As on a system where loaded images are unknown.
    #[test]
    fn the_crate_names_addresses_outside_of_all_images() {
        let mut sampler =
            PprofSampler::new(Rules { engine: Some(Engine::Pprof), hz: 0, keep: Duration::ZERO }).unwrap();
        assert!(sampler.want(500));
        let cpu_ns = || clock::thread_cpu_ns_of(clock::thread_id()).unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let start = cpu_ns();
            spin_until(|| cpu_ns() > start + 100_000_000);
            sampler.read_report();
            assert!(sampler.images.is_empty());
            let stacks = sampler.table.copy();
            let addresses: Vec<u64> = stacks.stacks.keys().flat_map(|key| key.frames.iter().copied()).collect();
            let lines =
                super::super::super::symbols::resolve(&[], addresses.into_iter().map(|address| (address, true)));
            if lines.values().flat_map(|lines| lines.iter()).any(|line| line.function.contains("spin_until")) {
                break;
            }
            // The signal may reach another test's thread.
            assert!(Instant::now() < end, "{:?} {lines:?}", sampler.sums);
        }
        assert!(sampler.want(900) && sampler.picture().hz == 900);
        sampler.want_no_more(900);
        assert_eq!(sampler.picture().hz, 500, "for the remaining request");
        sampler.want_no_more(500);
        assert!(sampler.run.is_none() && Action::now().unwrap().handler().is_none());
    }
}
