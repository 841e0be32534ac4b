//! The sampler: has the threads signalled, and collects what their handlers wrote.

use std::io;
use std::time::{Duration, Instant};

use super::super::engine::{Engine, Rules};
use super::super::image::Image;
use super::super::picture::{Picture, WallPicture};
use super::super::rates::LEAST_LOOK;
#[cfg(feature = "flight")]
use super::super::recent::RecentPicture;
use super::super::recent::{Recent, Timed};
use super::super::recorder_hooks::Host;
use super::super::sample::Sample;
use super::super::stack_counts::Seen;
use super::super::stack_table::{Resolve, Table};
use super::super::totals::Totals;
use super::super::unavailable::Unavailable;
use super::super::wall_request::Wish;
use super::handler::{self, Installed};
use super::handler_stacks;
use super::idleness::Idleness;
use super::kernel_threads;
use super::loaded_images;
#[cfg(feature = "heap")]
use super::main_stack;
use super::missing_samples::MissingSamples;
use super::own_files;
use super::own_stack;
use super::retained_stacks;
use super::sample_counts::SampleCounts;
use super::signalled_threads::Threads;
use super::signalling::Signalling;
use super::slot;
use super::stack_search::StackSearch;
use super::tenant;
#[cfg(target_env = "musl")]
use super::thread_start_probe;
use super::unwind::Unwinder;
use super::walkers;
use super::wall_time::Wall;
use crate::base::headroom;
use crate::base::sandbox;
use crate::clock;
#[cfg(feature = "heap")]
use crate::memory;
use crate::scope::Site;

/// The interval between two evaluations, unless rings would fill up.
const LOOK: Duration = Duration::from_millis(250);
/// The interval while the program takes little of a processor, or nothing. Waking up is most of
/// the cost of an idle process's sampler.
const QUIET_LOOK: Duration = Duration::from_millis(500);
/// The interval once it did so for so long.
const LONG_QUIET_LOOK: Duration = Duration::from_secs(1);
const LONG_QUIET: Duration = Duration::from_secs(10);
/// An evaluation may take one part in this many of the time until the next one.
const LOOK_SHARE: u32 = 200;
/// The time between two bounds of windows of samples that are kept one by one.
const BOUNDS: Duration = Duration::from_secs(1);
const RESOLVE: Resolve = Resolve { sites: slot::sites, labels: slot::labels };

pub(in super::super) struct Sampler {
    host: Host,
    signalling: Signalling,
    threads: Threads,
    /// Whether the program has replaced the signal handler.
    is_taken: bool,
    /// Whether the program has installed a seccomp filter. Then sampling that was begun continues,
    /// and nothing new begins.
    is_sandboxed: bool,
    stack_search: StackSearch,
    table: Table,
    recent: Recent,
    /// `Some` while wall time is requested.
    wall: Option<Wall>,
    /// When the next evaluation is due, except for wall time.
    next_look: Instant,
    /// The last evaluation, if it left nothing to wait for, and the time until the next one.
    quiet: Option<(Idleness, Duration)>,
    missing_samples: MissingSamples,
    /// Why threads could not be listed at the last attempt.
    unlisted: Option<io::Error>,
    images: Vec<Image>,
    changes: u64,
    counts: SampleCounts,
    sample: Sample,
}

fn totals(table: &Table, threads: &Threads, counts: &SampleCounts) -> Totals {
    Totals { folded: table.folded, threads: threads.sampled(), refused: threads.refused(), ..counts.totals() }
}

fn ticks(time: Duration) -> u64 {
    clock::wall().ticks_of_ns(time.as_nanos() as u64)
}

impl Sampler {
    /// Call it on the thread that samples.
    pub(in super::super) fn new(rules: Rules, host: Host) -> Result<Self, Unavailable> {
        if !handler_stacks::prepare() {
            return Err(Unavailable::Memory);
        }
        walkers::prepare();
        match handler::install() {
            Installed::Ours => {}
            Installed::Taken => return Err(Unavailable::Taken),
            Installed::Refused => return Err(Unavailable::Refused),
        }
        let signalling = Signalling::new(rules)?;
        own_files::hold();
        let mut sampler = Self {
            host,
            counts: SampleCounts::begin(signalling.tick_ns()),
            signalling,
            threads: Threads::new(),
            is_taken: false,
            is_sandboxed: false,
            stack_search: StackSearch::default(),
            table: Table::default(),
            recent: Recent::new(ticks(rules.keep), ticks(BOUNDS)),
            wall: None,
            next_look: Instant::now(),
            quiet: None,
            missing_samples: MissingSamples::since_now(0, &(host.own)()),
            unlisted: None,
            images: Vec::new(),
            changes: 0,
            sample: Sample::default(),
        };
        own_stack::learn();
        sampler.set_period();
        sampler.load_images();
        #[cfg(target_env = "musl")]
        thread_start_probe::learn_thread_start();
        #[cfg(feature = "heap")]
        {
            // Called once before any hook needs it.
            main_stack::least_of_main(0);
            crate::scope::set_walk(slot::Slot::walk_here);
        }
        sampler.sweep();
        Ok(sampler)
    }

    /// Call it before the first sampler of this process, which may be a forked child.
    pub(in super::super) fn forget_parent() {
        tenant::forget_parent();
    }

    /// In a forked child, [after that](Self::forget_parent): drops the parent's sampler. Its memory
    /// is freed. Its timers and events are not, because they belong to the parent.
    pub(in super::super) fn leave(mut self) {
        self.table = Table::default();
        self.recent = Recent::new(0, 0);
        self.wall = None;
        self.images = Vec::new();
        self.threads.leave();
        std::mem::forget(self);
    }

    /// Does everything that is due, or everything if it was called. Returns the time until the next
    /// iteration.
    pub(in super::super) fn turn(&mut self, was_called: bool) -> Duration {
        if !was_called && let Some(pause) = self.quiet_pause() {
            self.next_look = Instant::now() + pause;
            return pause;
        }
        // Any iteration may allocate. Until memory is available, samples stay in their rings.
        if !headroom::is_there(headroom::TURN_BYTES) {
            return LOOK;
        }
        let mut pause = self.next_look.saturating_duration_since(Instant::now());
        let may_ask = self.wall.is_none() || may_signal();
        if was_called || !may_ask || pause.is_zero() {
            pause = self.look();
            self.next_look = Instant::now() + pause;
        }
        if self.wall.is_none() {
            return pause;
        }
        self.collect();
        self.stack_search.run(self.threads.slots());
        let threads = self.threads.known(&self.table);
        self.wall.as_mut().map_or(pause, |wall| wall.turn(threads).min(pause))
    }

    /// How long to wait if an evaluation would find next to nothing: wall time is not requested, no
    /// thread's first sample or name is awaited, nothing was loaded, and hardly anything ran.
    fn quiet_pause(&self) -> Option<Duration> {
        let (quiet, pause) = self.quiet.as_ref()?;
        let may_have_changed = !self.is_sandboxed && (sandbox::is_tighter() || !self.is_taken && !handler::is_ours());
        let is_same = self.wall.is_none() && loaded_images::changes() == self.changes && !may_have_changed;
        (is_same && quiet.lasts(&(self.host.own)(), self.signalling.period_ns())).then_some(*pause)
    }

    fn look(&mut self) -> Duration {
        let start = Instant::now();
        // Under a filter, the owner of the signal is not queried, because the filter may not expect
        // that system call.
        if !self.is_sandboxed && sandbox::is_tighter() {
            self.keep_to_sandbox();
        }
        if !self.is_sandboxed && !self.is_taken && !handler::is_ours() {
            // Our timers would call the handler that the program installed.
            self.is_taken = true;
            self.wall = None;
            self.signalling.stop();
            self.threads.signal_all(self.signalling.signals());
        }
        self.collect();
        if !self.is_sandboxed {
            if loaded_images::changes() != self.changes {
                self.load_images();
            }
            self.sweep();
            self.stack_search.run(self.threads.slots());
            self.choose_engine();
        }
        self.missing_samples.note(self.counts.samples(), &(self.host.own)());
        (self.host.spent)(self.counts.take_handler_ns());
        let period_ns = self.signalling.period_ns();
        let fill = Duration::from_nanos(period_ns.saturating_mul(self.threads.ring_samples()));
        let fill = if period_ns == 0 { Duration::MAX } else { fill };
        // Rings are half full after `fill`, and hold a second of usual stacks at the default rate.
        let nearly_full = fill.saturating_mul(5) / 3;
        let patience = self.threads.patience(Duration::from_nanos(2 * period_ns));
        let before = self.quiet.take();
        self.quiet = (patience == Duration::MAX).then(|| {
            let idleness = Idleness::after(before.map(|(before, _)| before), &(self.host.own)(), period_ns);
            let is_long = idleness.lasted() >= LONG_QUIET;
            let pause = if is_long { LONG_QUIET_LOOK.min(nearly_full) } else { QUIET_LOOK.min(fill) };
            (idleness, pause)
        });
        let look = match self.quiet.as_ref().and_then(|(idleness, _)| idleness.slow_for()) {
            None => LOOK.min(fill),
            Some(slow) if slow < LONG_QUIET => QUIET_LOOK.min(fill),
            Some(_) => LONG_QUIET_LOOK.min(nearly_full),
        };
        look.min(patience).max(LEAST_LOOK).max((start.elapsed() * LOOK_SHARE).min(LOOK))
    }

    /// Uses perf's clock where it costs little.
    fn choose_engine(&mut self) {
        self.signalling.look_at_program(self.threads.sampled());
        self.set_period();
        let how = self.signalling.signals();
        self.threads.signal_known(how);
        self.threads.change_periods(how);
    }

    fn keep_to_sandbox(&mut self) {
        self.is_sandboxed = true;
        self.wall = None;
        if self.engine() == Engine::Perf && !self.signalling.is_raised() {
            return;
        }
        if self.engine() == Engine::Perf {
            // Events would continue at the rate that a capture requested. Ending one needs no
            // system call that the program would not make anyway.
            self.signalling.stop();
            self.threads.signal_all(self.signalling.signals());
        }
        self.signalling.use_timers_only();
    }

    #[cfg(feature = "push")]
    pub(in super::super) fn always_hz(&self) -> u32 {
        self.signalling.always_hz()
    }

    /// Requests more samples than the continuous ones, until [`want_no_more`](Self::want_no_more).
    pub(in super::super) fn want(&mut self, hz: u32) {
        self.signalling.want(hz);
        self.set_period();
    }

    pub(in super::super) fn want_no_more(&mut self, hz: u32) {
        self.signalling.want_no_more(hz);
        self.set_period();
    }

    /// Requests wall time, until [`want_no_wall`](Self::want_no_wall). `false` if the program has
    /// taken over the signal.
    pub(in super::super) fn want_wall(&mut self, wish: Wish) -> bool {
        if self.is_taken || self.is_sandboxed || !may_signal() {
            return false;
        }
        let mut wall = self.wall.take().unwrap_or_else(Wall::new);
        wall.want(wish);
        self.sweep();
        wall.tick(self.threads.known(&self.table));
        self.wall = Some(wall);
        true
    }

    pub(in super::super) fn want_no_wall(&mut self, wish: &Wish) {
        if self.wall.as_mut().is_some_and(|wall| !wall.want_no_more(wish)) {
            self.wall = None;
        }
    }

    /// Makes threads report their stacks now.
    pub(in super::super) fn tick_wall(&mut self) {
        self.collect();
        if let Some(wall) = self.wall.as_mut().filter(|_| may_signal()) {
            wall.tick(self.threads.known(&self.table));
        }
    }

    /// Wall time up to the last tick. `None` if it is not requested.
    pub(in super::super) fn wall_picture(&mut self, wish: &Wish) -> Option<WallPicture> {
        self.collect();
        let wall = self.wall.as_ref()?;
        Some(WallPicture { totals: wall.totals(wish), stacks: wall.table.copy(), images: self.images.clone() })
    }

    pub(in super::super) fn serial(&self) -> u64 {
        self.counts.began()
    }

    pub(in super::super) fn picture(&mut self) -> Picture {
        self.collect();
        Picture {
            serial: self.serial(),
            engine: self.engine(),
            hz: self.signalling.hz(),
            totals: self.totals(),
            stacks: self.table.copy(),
            images: self.images.clone(),
        }
    }

    pub(in super::super) fn totals(&self) -> Totals {
        totals(&self.table, &self.threads, &self.counts)
    }

    /// The samples since a time in ticks, one by one, as far as they are kept.
    #[cfg(feature = "flight")]
    pub(in super::super) fn recent(&mut self, start: u64) -> RecentPicture {
        self.collect();
        let now = clock::wall().ticks();
        let (table, threads, counts) = (&self.table, &self.threads, &self.counts);
        self.recent.bound(now, || totals(table, threads, counts));
        let (samples, totals, missing_until) = self.recent.since(start);
        RecentPicture {
            serial: self.serial(),
            engine: self.engine(),
            hz: self.signalling.hz(),
            images: self.images.clone(),
            tables: self.table.tables(),
            samples,
            totals,
            missing_until,
        }
    }

    #[cfg(feature = "heap")]
    pub(in super::super) fn images(&self) -> Vec<Image> {
        self.images.clone()
    }

    pub(in super::super) fn by_scope(&self) -> Vec<(&'static Site, Seen)> {
        self.table.by_scope()
    }

    pub(in super::super) fn engine(&self) -> Engine {
        self.signalling.engine()
    }

    /// The number of images for whose tables there is no room.
    pub(in super::super) fn without_room(&self) -> usize {
        self.images.iter().filter(|image| image.has_no_room).count()
    }

    pub(in super::super) fn is_taken(&self) -> bool {
        self.is_taken
    }

    pub(in super::super) fn is_sandboxed(&self) -> bool {
        self.is_sandboxed
    }

    /// A warning that samples are missing, with the reason if it is known.
    pub(in super::super) fn remark(&self) -> Option<String> {
        let unseen = self.missing_samples.remark(&(self.host.own)(), self.signalling.period_ns());
        let why = self
            .unlisted
            .as_ref()
            .map(|error| format!("new threads cannot be found, since /proc/self/task cannot be read: {error}"));
        let refused = self.threads.refused();
        let why = why.or_else(|| {
            let is_said = unseen.is_some() && refused > 0;
            is_said.then(|| format!("{refused} of its threads cannot be signalled, or block the signal SIGURG"))
        });
        match (unseen, why) {
            (Some(unseen), Some(why)) => Some(format!("{unseen}: {why}")),
            (unseen, why) => unseen.or(why),
        }
    }

    fn set_period(&mut self) {
        if !self.signalling.is_due() || self.is_taken || self.is_sandboxed || sandbox::is_tighter() {
            return;
        }
        self.signalling.update();
        self.quiet = None;
        self.missing_samples = MissingSamples::since_now(self.counts.samples(), &(self.host.own)());
        self.threads.signal_all(self.signalling.signals());
    }

    /// Reads what the handlers wrote.
    fn collect(&mut self) {
        for (thread, sampled) in self.threads.iter_mut() {
            while sampled.slot().ring.take(&mut self.sample) {
                let facts = &self.sample.facts;
                if facts.is_wall {
                    sampled.has_answered = true;
                    if let Some(wall) = &mut self.wall {
                        wall.answer(*thread, &self.sample, RESOLVE);
                    }
                    continue;
                }
                sampled.note_sample();
                self.counts.add(facts);
                let (at, ns) = (facts.at, u32::try_from(facts.weight_ns).unwrap_or(u32::MAX));
                let key = self.table.add(&self.sample, sampled.name, Seen::once(facts.weight_ns), RESOLVE);
                self.recent.add(Timed { at, thread: *thread, ns, key });
            }
        }
        // After the samples: a bound is later than all that are before it.
        let now = clock::wall().ticks();
        let (table, threads, counts) = (&self.table, &self.threads, &self.counts);
        self.recent.note(now, || totals(table, threads, counts));
    }

    /// Begins to sample new threads, and stops sampling ended ones.
    fn sweep(&mut self) {
        let mut alive = match kernel_threads::threads() {
            Ok(alive) => alive,
            Err(error) => {
                self.unlisted = Some(error);
                // Known threads continue.
                let ended = self.threads.ended(&[]);
                if !ended.is_empty() {
                    self.collect();
                }
                self.threads.end(&ended);
                return;
            }
        };
        self.unlisted = None;
        let own = (self.host.own)();
        alive.retain(|thread| !own.contains(thread));
        let ended = self.threads.ended(&alive);
        if !ended.is_empty() {
            // Reads their last samples.
            self.collect();
        }
        let how = self.signalling.signals();
        self.threads.end(&ended);
        retained_stacks::sweep(&alive);
        self.threads.retry(how);
        self.threads.begin(&alive, &mut self.table, how);
        if self.threads.wants_scopes() {
            self.threads.set_scopes((self.host.scopes)(), &mut self.table);
        }
    }

    fn load_images(&mut self) {
        self.changes = loaded_images::changes();
        let mut images = loaded_images::images();
        std::mem::swap(&mut images, &mut self.images);
        for gone in images {
            let stays = self.images.iter().any(|image| (image.base, &image.path) == (gone.base, &gone.path));
            if !stays {
                // Other code may be loaded at the same addresses later.
                self.table.forget(&gone.code);
                self.recent.forget(|key| key.frames.iter().any(|frame| gone.code.contains(frame)));
                #[cfg(feature = "heap")]
                memory::note_unloaded(&gone.code);
                if let Some(wall) = &mut self.wall {
                    wall.table.forget(&gone.code);
                }
            }
        }
        walkers::replace_unwinder(Some(Box::new(Unwinder::new(&mut self.images))));
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.threads.end_all();
        walkers::replace_unwinder(None);
        loaded_images::forget_images();
        own_files::let_go();
    }
}

/// Whether threads may be asked for their stacks. If the program has taken over the signal, its
/// handler would be called. A new seccomp filter may not expect the system call.
fn may_signal() -> bool {
    !sandbox::is_tighter() && handler::is_ours()
}
