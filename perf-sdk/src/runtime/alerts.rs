//! The job that judges alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::actions::{self, Acting};
use super::callback::Telling;
use super::idleness::Idleness;
use super::scheduler::Job;
use super::worker::Worker;
#[cfg(feature = "push")]
use crate::action::Handed;
use crate::action::{Tasks, measure};
#[cfg(feature = "flight")]
use crate::alert::AlertRule;
use crate::alert::{AlertAction, AlertChange, AlertEvent, AlertRules, AlertsReport, Facts, Leaking, Moment, Watch};
use crate::base::headroom;
use crate::base::new_file::NewFile;
use crate::base::notice::say;
use crate::clock::ThreadCpu;
use crate::collect;
use crate::error::Error;
use crate::event::{self, Event};
use crate::figures::{Live, Now, Whole};
use crate::flag;
#[cfg(feature = "flight")]
use crate::flight::{self, Answer, Trigger};
use crate::history::{self, History};
#[cfg(feature = "tracing")]
use crate::integration;
use crate::memory;
use crate::reading;
use crate::record::Part;
use crate::settings::{Callback, HistoryStore, Settings};
#[cfg(feature = "flight")]
use crate::snapshot::TriggerKind;
use crate::snapshot::{LeakFinding, Leaks, read_json, write_json};

/// The time between the start and the first judgement: one round of the history.
const FIRST: Duration = Duration::from_secs(2);
/// The time between two judgements of a process that takes little is longer by this factor.
const IDLE_FACTOR: u32 = 2;
/// Memory that a turn may need at most.
const TURN_BYTES: usize = 4 << 20;
/// A turn may take this part of the time until the next: of CPU time, and of time.
const CPU_SHARE: u32 = 1_000;
const TIME_SHARE: u32 = 100;
/// A turn that took long delays the next one by this at most.
const MOST_PAUSE: Duration = Duration::from_secs(30);
/// A file of alerts has some hundred KiB.
const MOST_FILE_BYTES: u64 = 16 << 20;

/// What is judged.
#[derive(Debug)]
pub(super) struct Rules {
    rules: AlertRules,
    baseline: Option<Arc<Whole>>,
    /// Where alerts that fire outlive the process.
    file: Option<PathBuf>,
}

impl Rules {
    /// `None` without rules.
    ///
    /// # Errors
    /// A mistake in the rules, a file that cannot be read.
    pub(super) fn load(settings: &Settings, baseline: Option<Arc<Whole>>) -> Result<Option<Self>, Error> {
        let own = settings.alerts.as_ref().map(|from| from.load()).transpose()?.unwrap_or_default();
        let mut rules = if settings.alerts_shipped { own.with(AlertRules::shipped()) } else { own };
        rules.check_parents()?;
        rules.or_command(settings.alert_command.as_ref());
        let file = match &settings.history {
            HistoryStore::File(path) => Some(beside(path)),
            _ => None,
        };
        Ok((!rules.is_empty()).then_some(Self { rules, baseline, file }))
    }

    /// Whether there is something to do that takes long.
    pub(super) fn need_a_runner(&self) -> bool {
        let takes_long = |action: &AlertAction| !matches!(action, AlertAction::Sampling(_));
        self.rules.iter().any(|rule| rule.actions().iter().any(takes_long))
    }

    /// The functions that the rules are about, which the history should have.
    pub(super) fn functions(&self) -> Vec<String> {
        self.rules.functions().map(str::to_owned).collect()
    }
}

/// `history.perf` has `history.perf.alerts` beside it.
fn beside(history: &Path) -> PathBuf {
    let mut name = history.as_os_str().to_owned();
    name.push(".alerts");
    name.into()
}

/// Who is told.
pub(super) struct Told {
    pub(super) callback: Option<(Callback<AlertEvent>, Worker)>,
    /// On which the program's logger is called.
    #[cfg(feature = "tracing")]
    pub(super) logger: Option<Worker>,
    #[cfg(feature = "push")]
    pub(super) notifier: Option<Handed>,
    /// Who does what takes long.
    pub(super) tasks: Option<Tasks>,
}

pub(super) fn job(rules: Rules, told: Told) -> Job {
    Job::new(Part::Alerts, FIRST, move || {
        let mut judging = Judging::new(rules, told);
        let mut idleness = Idleness::new(IDLE_FACTOR);
        Box::new(move || {
            let (start, cpu_ns) = (Instant::now(), ThreadCpu::cpu_now_ns());
            if headroom::is_there(TURN_BYTES) {
                memory::uncounted(|| judging.turn());
            }
            let cpu = Duration::from_nanos(ThreadCpu::cpu_now_ns().saturating_sub(cpu_ns));
            let pause = Duration::from_secs(judging.watch.pause(judging.moment().second));
            // A disk or a machine that stood still is no reason to look away for long.
            idleness.pause_now(pause).max((cpu * CPU_SHARE).max(start.elapsed() * TIME_SHARE).min(MOST_PAUSE))
        })
    })
}

/// `None` if there is no file.
fn read(path: &Path) -> Result<Option<AlertsReport>, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    read_json(BufReader::new(file.take(MOST_FILE_BYTES))).map(Some)
}

/// A reader finds either the old or the new file. It is not waited for the disk: this is the thread
/// of all jobs.
fn write(path: &Path, report: &AlertsReport) -> io::Result<()> {
    let mut file = BufWriter::new(NewFile::beside(path, ".", ".tmp")?);
    write_json(report, &mut file)?;
    file.into_inner()?.replace_soon(path)
}

fn leaking(leaks: Leaks) -> Vec<Leaking> {
    let of = |finding: LeakFinding| {
        let scopes = finding.scopes.join(" > ");
        let place = if scopes.is_empty() { finding.watched.to_string() } else { scopes };
        Leaking { verdict: finding.verdict.name(), place, evidence: finding.evidence }
    };
    leaks.findings.into_iter().map(of).collect()
}

/// While it exists, alerts are in snapshots.
struct Judging {
    watch: Watch,
    baseline: Option<Arc<Whole>>,
    file: Option<PathBuf>,
    begin: Instant,
    acting: Acting,
    /// Whether what became of a capture is not in the file yet.
    has_news: Arc<AtomicBool>,
    callback: Option<Telling<AlertEvent>>,
    #[cfg(feature = "tracing")]
    logger: Option<Telling<AlertEvent>>,
    #[cfg(feature = "push")]
    notifier: Option<Handed>,
}

impl Judging {
    fn new(rules: Rules, told: Told) -> Self {
        let Rules { rules, baseline, file } = rules;
        let mut judging = Self {
            watch: Watch::new(&rules),
            baseline,
            file,
            begin: Instant::now(),
            acting: Acting::new(told.tasks),
            has_news: Arc::default(),
            callback: told.callback.map(|(callback, worker)| Telling::new(callback, worker)),
            #[cfg(feature = "tracing")]
            logger: told.logger.map(|worker| Telling::new(Callback(Arc::new(log)), worker)),
            #[cfg(feature = "push")]
            notifier: told.notifier,
        };
        if let Some(path) = &judging.file {
            match read(path) {
                Ok(Some(before)) => {
                    let moment = judging.moment();
                    judging.watch.restore(&before.now, moment);
                    let events: Vec<AlertEvent> = before.events.into_iter().rev().collect();
                    collect::note_alerts(Some(judging.watch.alerts(moment)), &events);
                    collect::restore_alert_runs(before.runs, moment);
                }
                Ok(None) => {}
                Err(why) => say(&format!("the alerts in {} are left out: {why}", path.display())),
            }
        }
        judging
    }

    fn moment(&self) -> Moment {
        let at_unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        // So far from 0 that alerts may have fired before.
        const BEFORE: u64 = 1 << 40;
        Moment { at_unix_ns, second: BEFORE + self.begin.elapsed().as_secs() }
    }

    fn turn(&mut self) {
        let moment = self.moment();
        let readings = reading::latest();
        let (leaks, targets) = (collect::leaks().map(leaking), collect::targets());
        let baseline = self.baseline.as_deref();
        let watch = &mut self.watch;
        let mut judge = |history: Option<&History>| {
            let now = Now::new(&readings, collect::function_names, baseline);
            let figures = Live::new(history, now);
            watch.turn(Facts { figures: &figures, leaks: leaks.as_deref(), targets: targets.as_ref() }, moment)
        };
        #[cfg_attr(not(feature = "flight"), expect(unused_mut))]
        let mut events = match history::ask(|history| judge(Some(history))) {
            Some(events) => events,
            None => judge(None),
        };
        let busy = events.iter().any(actions::fires).then(|| actions::busy(moment)).flatten();
        #[cfg(feature = "flight")]
        let captures: Vec<_> =
            events.iter_mut().map(|event| keep_evidence(&mut self.watch, event, busy.as_deref())).collect();
        self.emit(&events);
        flag::set_by_alerts(self.watch.flags());
        measure(self.watch.rates());
        let now = self.watch.alerts(moment);
        #[cfg(feature = "push")]
        if let Some(notifier) = &self.notifier {
            notifier.hand_over(&now, &events);
        }
        collect::note_alerts(Some(now), &events);
        #[cfg(feature = "flight")]
        for (event, made) in events.iter().zip(captures) {
            let has_news = Arc::clone(&self.has_news);
            let settled = move || has_news.store(true, Relaxed);
            made.into_iter().for_each(|made| actions::capturing(event, made, moment, settled.clone()));
        }
        self.acting.turn(&self.watch, &events, busy.as_deref(), moment);
        self.say(&events);
        if self.has_news.swap(false, Relaxed) || !events.is_empty() {
            self.keep();
        }
        if let Some(callback) = &self.callback {
            callback.hand_over(events);
        }
    }

    /// To those who read what happens.
    fn emit(&mut self, events: &[AlertEvent]) {
        let transitions = self.watch.take_transitions();
        if event::is_listened() {
            transitions.into_iter().for_each(|transition| event::emit(|| Event::AlertPhase(transition)));
        }
        events.iter().for_each(|event| event::emit(|| Event::Alert(event.clone())));
    }

    /// Through the program's logger, if it has one, and else on stderr.
    fn say(&self, events: &[AlertEvent]) {
        let said = events.iter().filter(|event| event.explained_by.is_empty());
        #[cfg(feature = "tracing")]
        if let Some(logger) = self.logger.as_ref().filter(|_| integration::may_log()) {
            return logger.hand_over(said.cloned().collect());
        }
        said.for_each(|event| say(&line(event)));
    }

    /// Writes what fires to the file.
    fn keep(&mut self) {
        let Some(path) = &self.file else { return };
        let Some(report) = collect::alerts_report() else { return };
        if let Err(why) = write(path, &report) {
            say(&format!("alerts cannot be kept in {}: {why}; they are lost when the program ends", path.display()));
            self.file = None;
        }
    }
}

impl Drop for Judging {
    fn drop(&mut self) {
        self.keep();
        flag::set_by_alerts(BTreeSet::new());
        measure(BTreeMap::new());
        collect::note_alerts(None, &[]);
    }
}

/// On a thread that has the subscriber of all threads, if there is one.
#[cfg(feature = "tracing")]
fn log(event: &AlertEvent) {
    let line = line(event);
    if !integration::log_alert(event, &line) {
        say(&line);
    }
}

/// Asks for a bundle if the alert fires, and notes its name. `None` if none is wanted; an error
/// says why there is none.
#[cfg(feature = "flight")]
fn keep_evidence(watch: &mut Watch, event: &mut AlertEvent, busy: Option<&str>) -> Option<Result<String, String>> {
    if !actions::fires(event) || !watch.rule(&event.rule).is_some_and(AlertRule::wants_evidence) {
        return None;
    }
    if let Some(why) = busy {
        return Some(Err(why.to_owned()));
    }
    let parts = [&event.subject, &event.evidence, &event.summary].into_iter().filter(|part| !part.is_empty());
    let parts: Vec<&str> = parts.map(String::as_str).collect();
    let trigger = Trigger {
        kind: TriggerKind::Alert,
        what: event.rule.clone(),
        evidence: parts.join(". "),
        at_unix_ns: event.at_unix_ns,
    };
    let answer = flight::request(trigger, None);
    event.bundle = answer.name().unwrap_or_default().to_owned();
    watch.set_bundle(&event.rule, &event.subject, &event.bundle);
    Some(match answer {
        Answer::Begun(name) | Answer::Joined(name) => Ok(name),
        Answer::Refused(why) => Err(why),
    })
}

/// One line.
fn line(event: &AlertEvent) -> String {
    let (title, severity, evidence) = (event.title(), event.severity, &event.evidence);
    let said = match event.change {
        AlertChange::Fired => format!("alert ({severity}): {title}: {evidence}. {}", event.summary),
        AlertChange::Escalated => format!("alert ({severity}): {title} still fires: {evidence}. {}", event.summary),
        AlertChange::Resolved => format!("alert resolved: {title}, after {:.0} s", event.fired_seconds),
    };
    said.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertSeverity;

    #[test]
    fn each_change_is_said_whatever_its_severity() {
        for severity in [AlertSeverity::Info, AlertSeverity::Warning, AlertSeverity::Critical] {
            let event = |change| AlertEvent {
                at_unix_ns: 1,
                rule: "cpu".into(),
                subject: String::new(),
                fingerprint: String::new(),
                change,
                severity,
                evidence: "it is 97%".into(),
                value: None,
                summary: String::new(),
                since_unix_ns: 1,
                fired_seconds: 61.4,
                explained_by: String::new(),
                bundle: String::new(),
            };
            assert_eq!(line(&event(AlertChange::Fired)), format!("alert ({severity}): cpu: it is 97%."));
            let worse = format!("alert ({severity}): cpu still fires: it is 97%.");
            assert_eq!(line(&event(AlertChange::Escalated)), worse);
            assert_eq!(line(&event(AlertChange::Resolved)), "alert resolved: cpu, after 61 s");
        }
    }
}
