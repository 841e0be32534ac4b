//! The handle that keeps the profiler running.

use std::net::SocketAddr;
use std::sync::Arc;

use super::change;
use super::running::Running;
use crate::alert::AlertsReport;
#[cfg(feature = "serve")]
use crate::base::unpoisoned::Unpoisoned as _;
use crate::collect;
use crate::error::Error;
use crate::history;
use crate::memory;
use crate::rate::Rate;
use crate::record::Rule;
#[cfg(feature = "serve")]
use crate::serve::Server;
use crate::snapshot::{HistoryColumns, HistoryQuery, HistorySeries, Leaks, Snapshot};
use crate::target::Judgement;

/// Keeps the profiler's endpoint alive. When the last handle drops, the endpoint closes and the
/// report is printed.
///
/// Recording does not depend on it: profiled calls are recorded before the start and after the end.
///
/// ```
/// # fn main() -> Result<(), perf_sdk::Error> {
/// let perf = perf_sdk::builder().listen("127.0.0.1:0").report(false).start()?;
/// assert!(perf.address().is_some());
///
/// let before = perf.snapshot();
/// perf_sdk::measure("work", || ());
/// let window = perf.snapshot().subtract(&before);
/// assert_eq!(window.functions[0].calls.ok, 1);
/// # Ok(())
/// # }
/// ```
///
/// If the process exits while there are handles, as with [`std::process::exit`] or a handle in a
/// static, the profiler ends at the exit, which waits at most five seconds for it. It does not end
/// at [`std::process::abort`] and at signals:
/// [`Builder::report_signals`](crate::Builder::report_signals) handles two of these.
///
/// A handle may be dropped anywhere: in a callback of the profiler, in a panic hook, in a
/// destructor of a thread-local, at exit. The drop waits at most two seconds for all threads of the
/// profiler, and two more for a bundle of evidence that is being made. A thread that does not end
/// by then, such as one in a callback that waits for a lock, is left running.
#[derive(Clone, Debug)]
#[must_use = "the endpoint closes when the handle drops"]
pub struct Handle {
    pub(super) running: Arc<Running>,
}

impl Handle {
    /// The address at which the endpoint listens. `None` while the default address is in use, on a
    /// Unix socket, and if the endpoint is off.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        #[cfg(feature = "serve")]
        {
            let server = self.running.server.lock().unpoisoned();
            server.as_ref().and_then(Server::address)
        }
        #[cfg(not(feature = "serve"))]
        None
    }

    /// Sets the sampling rate of each function whose `module::function` matches `pattern`, in which
    /// `*` matches any text. `None` restores the rate of the attribute. All calls are still
    /// counted. The rule also applies to functions that have not run yet. If several rules match,
    /// the latest applies.
    ///
    /// Returns the number of annotated places whose rate changed at once.
    pub fn set_sampling(&self, pattern: &str, rate: Option<Rate>) -> usize {
        crate::record::add_rules(&[Rule::rate(pattern.to_owned(), rate)])
    }

    /// Switches recording off or on for the whole process. While it is off, calls that begin are
    /// not counted; calls that began before are recorded when they end. A future is not recorded if
    /// recording is off at its first poll.
    pub fn set_recording(&self, on: bool) {
        crate::record::set_recording(on);
    }

    /// Switches a [`flag!`](crate::flag) on or off, wherever it is read and whenever that begins.
    /// It is on as well while an alert fires that has this flag.
    ///
    /// ```
    /// # fn main() -> Result<(), perf_sdk::Error> {
    /// let perf = perf_sdk::builder().listen("off").report(false).start()?;
    /// let is_short = || perf_sdk::flag!("short answers");
    /// assert!(!is_short());
    /// perf.set_flag("short answers", true);
    /// assert!(is_short());
    /// # perf.set_flag("short answers", false);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_flag(&self, name: &str, on: bool) {
        memory::uncounted(|| crate::flag::set_by_hand(name, on));
    }

    /// Whether calls that begin now are recorded.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        !crate::record::is_off()
    }

    /// Changes a setting while the profiler runs. `key` is its key in
    /// [`SETTINGS`](crate::SETTINGS), and `value` has the form of its environment variable. Only
    /// settings whose [`changes`](crate::Setting::changes) is true can be changed.
    ///
    /// `sample` adds rules to those in force. The latest rule that matches applies.
    ///
    /// # Errors
    /// [`Error::Setting`] for any other key, and for a value that is not allowed.
    ///
    /// ```
    /// # fn main() -> Result<(), perf_sdk::Error> {
    /// let perf = perf_sdk::start()?;
    /// perf.set("sample", "search::*=1/64")?;
    /// perf.set("heap", "2MiB")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set(&self, key: &str, value: &str) -> Result<(), Error> {
        change::change(&[(key.to_owned(), value.to_owned())]).map(drop)
    }

    /// Sets how many allocated bytes there are between two samples of the live heap, in the form of
    /// `PERF_HEAP`: a size such as `2MiB`, or `off`. Earlier samples keep their weight, and stay
    /// until they are freed.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size that is not allowed. It is no error if the heap cannot be
    /// sampled: see [`ProfilerStats::heap`](crate::snapshot::ProfilerStats::heap).
    pub fn set_heap(&self, size: &str) -> Result<(), Error> {
        self.set("heap", size)
    }

    /// The latest verdicts of the leak detector. `None` before its first evaluation, and if it is
    /// off.
    #[must_use]
    pub fn leaks(&self) -> Option<Leaks> {
        collect::leaks()
    }

    /// Readings and functions of the last seconds to days, in columns. `None` without a history
    /// (`PERF_HISTORY=false`).
    ///
    /// **Series.** Every [`Reading`](crate::snapshot::Reading) under its name. Of each of the 200
    /// most expensive functions, with the labels `function` and `module`: `function_calls_total`,
    /// `function_errors_total`, `function_self_seconds_total`,
    /// `function_self_cpu_seconds_total`, `function_allocated_bytes_total`,
    /// `function_live_bytes`, and `function_p50_seconds`, `function_p95_seconds`,
    /// `function_p99_seconds`. [`history_series`](Self::history_series) lists them.
    ///
    /// **Units.** Those of the name. Counters are given as growth per second. Times are in seconds
    /// since 1970. A step of which nothing is known is `None`, not 0.
    ///
    /// **Accuracy.** A second for the last 15 minutes, 10 seconds for 6 hours, a minute for 7 days,
    /// as far as the history's 8 MiB suffice. Of all but the 50 most expensive functions there are
    /// no single seconds. Values are rounded to 0.2 %, quantiles to 1.1 %.
    ///
    /// **Cost.** Some microseconds for each series and hour; the profiler's next readings wait
    /// meanwhile.
    ///
    /// # Errors
    /// [`Error::Setting`] for names that cannot be read or are of no series, for a time that ends
    /// before it begins, and for an answer of more than a million values.
    ///
    /// ```
    /// # fn main() -> Result<(), perf_sdk::Error> {
    /// use std::time::Duration;
    /// use perf_sdk::snapshot::HistoryQuery;
    ///
    /// let perf = perf_sdk::builder().listen("off").report(false).start()?;
    /// let query = HistoryQuery::new("process_*").last(Duration::from_secs(600)).step(Duration::from_secs(10));
    /// if let Some(history) = perf.history(&query)? {
    ///     for series in &history.series {
    ///         assert_eq!(series.mean.len(), history.times.len());
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn history(&self, query: &HistoryQuery) -> Result<Option<HistoryColumns>, Error> {
        memory::uncounted(|| history::answer(query)).transpose()
    }

    /// The series of the history, without values. Empty without a history.
    #[must_use]
    pub fn history_series(&self) -> Vec<HistorySeries> {
        memory::uncounted(|| history::list().unwrap_or_default())
    }

    /// Makes a bundle of evidence of the last time: what ran and waited, who holds memory, the
    /// history, and what was judged. The same is at `/api/v1/flight`, and made when an alert fires.
    ///
    /// It goes back as far as asked for, and as samples are kept (`PERF_FLIGHT`). One of the same
    /// length that is less than ten seconds old is returned again. It is kept nowhere else.
    ///
    /// **Cost.** A quarter of a second, in which the wall time of all threads is sampled, and some
    /// hundred milliseconds of CPU time on a thread of the profiler, more for the first one.
    ///
    /// # Errors
    /// [`PERF_FLIGHT`](crate::SETTINGS) is off, another one is being made, or there is no memory or
    /// thread for it.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let perf = perf_sdk::builder().listen("off").report(false).start()?;
    /// let bundle = perf.evidence(std::time::Duration::from_secs(60))?;
    /// // It is a `.tar.gz`, whose README.md says what is in it.
    /// std::fs::write(std::env::temp_dir().join(bundle.name()), bundle.bytes())?;
    /// # std::fs::remove_file(std::env::temp_dir().join(bundle.name()))?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "flight")]
    pub fn evidence(&self, last: std::time::Duration) -> std::io::Result<crate::flight::Bundle> {
        use crate::flight::{self, Answer, Trigger};
        const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

        let trigger = Trigger::now(crate::snapshot::TriggerKind::Request, "the program".to_owned(), String::new());
        let made = match flight::request(trigger, Some(last)) {
            Answer::Begun(name) | Answer::Joined(name) => flight::wait(&name, PATIENCE),
            Answer::Refused(why) => Some(Err(why)),
        };
        made.unwrap_or_else(|| Err("it takes long".to_owned())).map_err(std::io::Error::other)
    }

    /// What somebody should do, ranked by what could be won back: that of
    /// [`finding::of`](crate::finding::of) of a snapshot of now, and what the history says beyond
    /// it, such as functions that are slower than before. The same is at `/findings`.
    ///
    /// ```
    /// # fn main() -> Result<(), perf_sdk::Error> {
    /// let perf = perf_sdk::builder().listen("off").report(false).start()?;
    /// for finding in perf.findings().findings {
    ///     println!("{}: {}", finding.claim, finding.next_step);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// **Cost.** That of a snapshot, and up to six windows of the history for each function that
    /// takes a millisecond and more; the profiler's next readings wait meanwhile.
    #[must_use]
    pub fn findings(&self) -> crate::finding::Findings {
        memory::uncounted(|| collect::findings(&collect::take()))
    }

    /// Applies what can be done at once about the present [findings](Self::findings), and undone:
    ///
    /// | finding | what is done | how it is undone |
    /// |---|---|---|
    /// | `fragmentation` | pools are trimmed, and jemalloc returns all unused pages | by itself |
    /// | `measurement` of the budget, if measuring takes most | the function that is measured most often is measured an eighth as often | [`set_sampling`](Self::set_sampling) with `None` |
    /// | any, if code reads a [`flag!`](crate::flag) called as its rule, such as `"pool_waits"`, or as rule and subject, `"pool_waits: db"` | the flag is switched on | [`set_flag`](Self::set_flag) |
    ///
    /// Returns what was done, what was not and why, and the figures concerned before and right
    /// after. Whether it helped is seen later: in the findings, and in readings.
    ///
    /// ```
    /// # fn main() -> Result<(), perf_sdk::Error> {
    /// let perf = perf_sdk::builder().listen("off").report(false).start()?;
    /// let optimization = perf.optimize();
    /// for done in &optimization.done {
    ///     println!("{:?}: {}", done.remedy, done.detail);
    /// }
    /// for not in &optimization.not_done {
    ///     println!("{}: {}", not.rule, not.why);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// **Cost.** That of [`findings`](Self::findings) and of a second snapshot, on the calling
    /// thread. A purge takes milliseconds, some hundred of them where much memory is unused, and
    /// the next use of each returned page is a page fault.
    pub fn optimize(&self) -> crate::finding::Optimization {
        super::optimize::optimize()
    }

    /// Judges the [targets](crate::target) now. `None` if there are none, and in a forked child.
    ///
    /// ```
    /// use perf_sdk::target::Target;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let target = Target::new("p95(\"search\") < 100ms")?;
    /// let perf = perf_sdk::builder().target(target).listen("127.0.0.1:0").report(false).start()?;
    /// for _ in 0..100 {
    ///     perf_sdk::measure("search", || ());
    /// }
    /// let judgement = perf.targets().expect("there is a target");
    /// println!("{}: {}", judgement.targets[0].name, judgement.targets[0].status);
    /// assert!(!judgement.is_missed());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// **Cost.** A window of the history for each target, and ten for each error budget; in the
    /// first five minutes also a snapshot.
    #[must_use]
    pub fn targets(&self) -> Option<Judgement> {
        let judge = self.running.judge.as_ref().filter(|_| self.running.process.is_current());
        judge.map(|judge| judge.judge())
    }

    /// The [alerts](crate::alert) as they were judged last, with the last 1,000 changes, and
    /// what was done about them. `None` without rules, before the first judgement, which comes two
    /// seconds after the start, and in a forked child.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let perf = perf_sdk::builder().alerts("process_threads > 1000").listen("off").report(false).start()?;
    /// if let Some(report) = perf.alerts() {
    ///     report.events.iter().for_each(|event| println!("{} {}", event.title(), event.change));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// **Cost.** A copy.
    #[must_use]
    pub fn alerts(&self) -> Option<AlertsReport> {
        collect::alerts_report().filter(|_| self.running.process.is_current())
    }

    /// What happens from now on, as it happens: changes of alerts, verdicts on leaks, memory
    /// pressure and what was done about it, sampling rates, bundles of evidence, flags. The same is
    /// at `/api/v1/events`.
    ///
    /// ```
    /// # fn main() -> Result<(), perf_sdk::Error> {
    /// use perf_sdk::event::Event;
    ///
    /// let perf = perf_sdk::builder().listen("off").report(false).start()?;
    /// let mut events = perf.events();
    /// perf.set_flag("short answers", true);
    /// let record = events.next().expect("the profiler runs");
    /// assert!(matches!(record.event, Event::Flag(change) if change.flag == "short answers" && change.on));
    /// # perf.set_flag("short answers", false);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The last 512 events are kept for all readers together. A reader that is further behind loses
    /// the oldest, and is told how many ([`Event::Lost`](crate::event::Event::Lost)). In a forked
    /// child nothing comes.
    ///
    /// **Cost.** Nothing while nothing happens. What happens often, such as rates that the budget
    /// changes, is made only while there is a reader.
    pub fn events(&self) -> crate::event::Events {
        crate::event::Events::new()
    }

    /// How many processes the load of this one needs, by the rules of
    /// [`Builder::scaling`](crate::Builder::scaling), as it was decided last. `None`
    /// without rules, before the first decision, and in a forked child. The same is at
    /// `/api/v1/scaling`.
    ///
    /// ```
    /// # fn main() -> Result<(), perf_sdk::Error> {
    /// let perf = perf_sdk::builder().scaling("30% < cpu < 80% over 2m").listen("off").report(false).start()?;
    /// if let Some(scaling) = perf.scaling() {
    ///     println!("{:.2} processes: {}", scaling.desired_replicas, scaling.reason);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// **Cost.** A copy.
    #[must_use]
    pub fn scaling(&self) -> Option<crate::snapshot::Scaling> {
        collect::scaling().filter(|_| self.running.process.is_current())
    }

    /// The slowest calls of functions that are marked as roots, and those that failed, each with
    /// its tree of calls, polls, waits for locks, statements and samples of stacks. Requests of
    /// `watch_http` are roots. The same is at `/slow` and `/api/v1/slow`.
    ///
    /// ```
    /// #[perf_sdk::profiled(root)]
    /// fn answer(question: &str) -> usize {
    ///     question.len()
    /// }
    ///
    /// # fn main() -> Result<(), perf_sdk::Error> {
    /// let perf = perf_sdk::builder().listen("off").report(false).start()?;
    /// answer("why");
    /// let slow = perf.slowest();
    /// let of_answer = slow.functions.iter().find(|function| function.name.contains("answer"));
    /// assert_eq!(of_answer.map(|function| function.slowest.len()), Some(1));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// **Cost.** Some milliseconds, and more where stacks are sampled and addresses are new.
    #[must_use]
    pub fn slowest(&self) -> crate::snapshot::SlowCalls {
        if self.running.process.is_current() { collect::slow_calls() } else { crate::snapshot::SlowCalls::default() }
    }

    /// Samples the stacks that take CPU time in the next `window`. `hz` is the number of samples
    /// for each second of CPU time, from 1 to 4,000; 99 by default. The calling thread sleeps
    /// meanwhile. `None` if stacks are not sampled, see
    /// [`ProfilerStats::stacks`](crate::snapshot::ProfilerStats::stacks).
    ///
    /// Several profiles at a time share their samples, at the highest of their rates.
    #[cfg(feature = "stacks")]
    #[must_use]
    pub fn cpu_profile(&self, window: std::time::Duration, hz: Option<u32>) -> Option<crate::snapshot::CpuProfile> {
        collect::Window::of(window, hz)
    }

    /// Samples the stacks of threads in the next `window`, whether they run or wait. `threads` is a
    /// pattern for their names, in which `*` matches any text. `hz` is the number of samples a
    /// second, from 1 to 100. The calling thread sleeps meanwhile, and is sampled too. `None` if
    /// stacks are not sampled, see
    /// [`ProfilerStats::stacks`](crate::snapshot::ProfilerStats::stacks).
    ///
    /// **Cost.** See [`WallProfile`](crate::snapshot::WallProfile): it interrupts system calls in
    /// which threads wait.
    #[cfg(feature = "stacks")]
    #[must_use]
    pub fn wall_profile(
        &self,
        window: std::time::Duration,
        hz: u32,
        threads: &str,
    ) -> Option<crate::snapshot::WallProfile> {
        collect::WallWindow::of(window, hz, threads)
    }

    /// Everything recorded up to now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        collect::take()
    }
}
