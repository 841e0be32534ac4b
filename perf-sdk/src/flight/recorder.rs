//! The one way to a bundle: who joins which, quotas, the thread that makes it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::archive;
use super::contents::Contents;
use super::readings::{Counts, Shown};
use super::readme;
use super::shelf::{Folder, Memory, Names, folder_of};
use super::trigger::Trigger;
use crate::base::background::Background;
use crate::base::fork::Lock;
use crate::base::headroom;
use crate::base::notice::say;
use crate::base::process_identity::Process;
use crate::base::stamp::Stamp;
use crate::base::unpoisoned::Unpoisoned as _;
use crate::memory;
use crate::record::{OwnThread, Part};
use crate::snapshot::BundleState;

/// What nobody waits for joins a bundle that is not older.
const APART: Duration = Duration::from_secs(60);
/// What somebody waits for joins one of the same length that is not older.
const SAME: Duration = Duration::from_secs(10);
/// The number of bundles in an hour of one alert, one panic, one signal.
const MOST_AN_HOUR: usize = 5;
const HOUR: Duration = Duration::from_secs(3_600);
/// The number of bundles that are remembered, kept or not.
const MOST_STATES: usize = 100;
/// Memory that a bundle may need while it is made.
const BUNDLE_BYTES: usize = 32 << 20;
/// A bundle's place without a folder.
const MEMORY: &str = "memory";

/// Evidence of the last minutes: one `.tar.gz`, whose `README.md` says what is in it.
#[derive(Clone, Debug)]
pub struct Bundle {
    name: String,
    bytes: Arc<[u8]>,
}

impl Bundle {
    /// The name of its file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole `.tar.gz`.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// How bundles are made and kept.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The program's name, as used in file names.
    pub(crate) service: String,
    /// How far a bundle that nobody asked for goes back.
    pub(crate) last: Duration,
    /// A folder, and how many bytes of bundles it may have.
    pub(crate) folder: Option<(PathBuf, u64)>,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The bundle of this name is being made.
    Begun(String),
    /// It is in the bundle of this name, or just after it.
    Joined(String),
    /// There is none, for this reason.
    Refused(String),
}

impl Answer {
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Begun(name) | Self::Joined(name) => Some(name),
            Self::Refused(_) => None,
        }
    }
}

/// A bundle that is being made, or the latest one.
#[derive(Debug)]
struct Making {
    name: String,
    last: Duration,
    trigger: Trigger,
    began: Instant,
    joined: Mutex<Vec<Trigger>>,
    result: Mutex<Option<Result<Arc<[u8]>, String>>>,
    is_over: Condvar,
}

impl Making {
    fn is_over(&self) -> bool {
        self.result.lock().unpoisoned().is_some()
    }

    fn end(&self, result: Result<Arc<[u8]>, String>) {
        *self.result.lock().unpoisoned() = Some(result);
        self.is_over.notify_all();
    }

    /// `None` if it is not over by then.
    fn wait(&self, time: Duration) -> Option<Result<Arc<[u8]>, String>> {
        let result = self.result.lock().unpoisoned();
        let (result, _) = self.is_over.wait_timeout_while(result, time, |result| result.is_none()).unpoisoned();
        result.clone()
    }
}

struct Recorder {
    process: Process,
    /// How far a bundle that nobody asked for goes back.
    last: Duration,
    names: Names,
    folder: Option<Folder>,
    /// Where there is no folder, and of what it does not take.
    memory: Memory,
    latest: Option<Arc<Making>>,
    thread: Option<Background>,
    /// When bundles of each trigger were made, in the last hour.
    recent: BTreeMap<(&'static str, String), VecDeque<Instant>>,
    /// The latest first.
    states: VecDeque<BundleState>,
    counts: Counts,
    shown: Shown,
}

static RECORDER: Lock<Option<Recorder>> = Lock::new(None);

/// Bundles can be made from now on.
///
/// # Errors
/// The folder cannot be written to.
pub(crate) fn open(plan: Plan) -> io::Result<()> {
    let names = Names::new(&plan.service);
    let folder = plan.folder.map(|(folder, most)| Folder::new(names.clone(), folder, most));
    if let Some(folder) = &folder {
        folder.probe()?;
    }
    let recorder = Recorder {
        process: Process::current(),
        names,
        last: plan.last,
        folder,
        memory: Memory::default(),
        latest: None,
        thread: None,
        recent: BTreeMap::new(),
        states: VecDeque::new(),
        counts: Counts::default(),
        shown: Shown::new(),
    };
    recorder.shown.publish(recorder.counts);
    *RECORDER.lock() = Some(recorder);
    Ok(())
}

/// Waits until then at most for the bundle that is being made; then there are none.
pub(crate) fn end_by(end: Instant) {
    let latest = RECORDER.lock().as_ref().and_then(|recorder| recorder.latest.clone());
    if let Some(latest) = latest {
        latest.wait(end.saturating_duration_since(Instant::now()));
    }
    let ended = RECORDER.lock().take();
    // Its thread is waited for without the lock.
    drop(ended);
}

/// Asks for a bundle of the last time, by default as the settings say. Returns at once.
pub(crate) fn request(trigger: Trigger, last: Option<Duration>) -> Answer {
    let mut recorder = RECORDER.lock();
    match recorder.as_mut().filter(|recorder| recorder.process.is_current()) {
        Some(recorder) => {
            let answer = recorder.request(trigger, last);
            recorder.shown.publish(recorder.counts);
            answer
        }
        None => Answer::Refused("the profiler does not run, or PERF_FLIGHT is off".to_owned()),
    }
}

/// Waits for a bundle that is being made. `None` if it is not ready by then.
pub(crate) fn wait(name: &str, time: Duration) -> Option<Result<Bundle, String>> {
    let latest = RECORDER.lock().as_ref().and_then(|recorder| recorder.latest.clone());
    let Some(making) = latest.filter(|making| making.name == name) else {
        return Some(fetch(name).map_err(|error| error.to_string()));
    };
    Some(making.wait(time)?.map(|bytes| Bundle { name: name.to_owned(), bytes }))
}

/// A bundle that is kept.
pub(crate) fn fetch(name: &str) -> io::Result<Bundle> {
    let (bytes, folder) = {
        let recorder = RECORDER.lock();
        let Some(recorder) = recorder.as_ref() else { return Err(io::ErrorKind::NotFound.into()) };
        (recorder.memory.read(name), recorder.folder.clone())
    };
    let bytes = match (bytes, folder) {
        (Some(bytes), _) => bytes,
        (None, Some(folder)) => folder.read(name)?.into(),
        (None, None) => return Err(io::ErrorKind::NotFound.into()),
    };
    Ok(Bundle { name: name.to_owned(), bytes })
}

/// All bundles, the latest first.
pub(crate) fn bundles() -> Vec<BundleState> {
    let (mut states, folder) = {
        let recorder = RECORDER.lock();
        let Some(recorder) = recorder.as_ref() else { return Vec::new() };
        let is_gone = |state: &BundleState| state.kept == MEMORY && recorder.memory.read(&state.name).is_none();
        let shown = |state: &BundleState| {
            let kept = if is_gone(state) { String::new() } else { state.kept.clone() };
            BundleState { kept, ..state.clone() }
        };
        (recorder.states.iter().map(shown).collect::<Vec<_>>(), recorder.folder.clone())
    };
    for state in states.iter_mut().filter(|state| !state.kept.is_empty() && state.kept != MEMORY) {
        if folder.as_ref().is_none_or(|folder| !folder.path(&state.name).exists()) {
            state.kept.clear();
        }
    }
    states
}

impl Recorder {
    fn request(&mut self, trigger: Trigger, last: Option<Duration>) -> Answer {
        let last = last.unwrap_or(self.last);
        if let Some(name) = self.join(&trigger, last) {
            self.counts.joined += 1;
            return Answer::Joined(name);
        }
        if !trigger.is_asked_for() && !self.may_have_one(&trigger) {
            self.counts.refused += 1;
            let (kind, what) = (trigger.kind, trigger.what);
            return Answer::Refused(format!("{kind} {what:?} had {MOST_AN_HOUR} bundles within an hour"));
        }
        match self.begin(trigger, last) {
            Ok(name) => Answer::Begun(name),
            Err(why) => {
                self.counts.failed += 1;
                Answer::Refused(why)
            }
        }
    }

    /// The bundle that has what is asked for, or was just made.
    fn join(&mut self, trigger: &Trigger, last: Duration) -> Option<String> {
        let latest = self.latest.as_ref()?;
        let age = latest.began.elapsed();
        let is_over = latest.is_over();
        let is_same = latest.last == last && age < SAME;
        // A bundle that failed is no evidence.
        let failed = || matches!(&*latest.result.lock().unpoisoned(), Some(Err(_)));
        let joins = match trigger.is_asked_for() {
            true => is_same,
            false => age < APART,
        };
        if !joins || (is_over && failed()) {
            return None;
        }
        if !is_over {
            latest.joined.lock().unpoisoned().push(trigger.clone());
        }
        let name = latest.name.clone();
        if let Some(state) = self.states.iter_mut().find(|state| state.name == name)
            && state.joined.len() < MOST_STATES
        {
            state.joined.push(format!("{}: {}", trigger.kind, trigger.what));
        }
        Some(name)
    }

    /// Counts it too.
    fn may_have_one(&mut self, trigger: &Trigger) -> bool {
        let is_old = |at: &Instant| at.elapsed() > HOUR;
        self.recent.retain(|_, times| {
            times.retain(|at| !is_old(at));
            !times.is_empty()
        });
        let times = self.recent.entry((trigger.kind.name(), trigger.what.clone())).or_default();
        let may = times.len() < MOST_AN_HOUR;
        if may {
            times.push_back(Instant::now());
        }
        may
    }

    fn begin(&mut self, trigger: Trigger, last: Duration) -> Result<String, String> {
        if self.latest.as_ref().is_some_and(|latest| !latest.is_over()) {
            return Err("another one is being made, of another length".to_owned());
        }
        if !headroom::is_there(BUNDLE_BYTES) {
            return Err("there is no memory for one".to_owned());
        }
        let mut stamp = Stamp::of_unix_ns(trigger.at_unix_ns);
        // Of two in one second, or if the clock was set back.
        while self.states.iter().any(|state| state.name == self.names.of(stamp)) {
            stamp = stamp.next();
        }
        let name = self.names.of(stamp);
        let making = Arc::new(Making {
            name: name.clone(),
            last,
            trigger: trigger.clone(),
            began: Instant::now(),
            joined: Mutex::default(),
            result: Mutex::default(),
            is_over: Condvar::new(),
        });
        let made = Arc::clone(&making);
        let thread = Background::start("perf-sdk-flight", move |_| {
            let _own = OwnThread::enter(Part::Flight);
            memory::uncounted(|| make(&made));
        });
        // The one before has ended.
        self.thread = Some(thread.map_err(|error| format!("no thread can be started: {error}"))?);
        self.latest = Some(making);
        self.states.truncate(MOST_STATES - 1);
        self.states.push_front(BundleState {
            name: name.clone(),
            at_unix_ns: trigger.at_unix_ns,
            trigger: trigger.kind,
            what: trigger.what,
            evidence: trigger.evidence,
            ..BundleState::default()
        });
        Ok(name)
    }
}

/// Makes a bundle and keeps it.
fn make(making: &Making) {
    /// Whoever waits is told of a panic too.
    struct Ends<'a>(&'a Making);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            if !self.0.is_over() {
                self.0.end(Err("making it panicked".to_owned()));
                note(self.0, Err("making it panicked".to_owned()));
            }
        }
    }
    let ends = Ends(making);
    let contents = Contents::gather(making.last);
    let joined = making.joined.lock().unpoisoned().clone();
    let folder = folder_of(&making.name);
    let text = readme::write(folder, &making.trigger, &joined, &contents);
    let mut files = contents.files;
    files.insert(0, ("README.md", text.into_bytes()));
    let packed = archive::pack(folder, &files, making.trigger.at_unix_ns / 1_000_000_000);
    let result = packed.map(Arc::from).map_err(|error| format!("it cannot be packed: {error}"));
    note(making, result.clone());
    making.end(result);
    drop(ends);
}

/// Keeps it, and notes what became of it.
fn note(making: &Making, result: Result<Arc<[u8]>, String>) {
    // The disk may stand still: not under the lock, for which alerts wait.
    let folder = RECORDER.lock().as_ref().and_then(|recorder| recorder.folder.clone());
    let written = folder.zip(result.as_ref().ok()).map(|(folder, bytes)| {
        folder.write(&making.name, bytes)?;
        Ok((folder.path(&making.name).display().to_string(), folder.tidy(&making.name).err()))
    });
    let mut recorder = RECORDER.lock();
    let Some(recorder) = recorder.as_mut() else { return };
    let (bytes, kept, error) = match (result, written) {
        (Err(why), _) => (0, String::new(), why),
        (Ok(bytes), Some(Ok((path, untidy)))) => (bytes.len() as u64, path, untidy.unwrap_or_default()),
        (Ok(bytes), written) => {
            let has_room = recorder.memory.keep(&making.name, &bytes);
            let why = written.and_then(Result::err);
            let too_large = || format!("memory has no room for its {} bytes", bytes.len());
            let kept = if has_room { MEMORY } else { "" };
            let whys = why.into_iter().chain((!has_room).then(too_large));
            (bytes.len() as u64, kept.to_owned(), whys.collect::<Vec<_>>().join("; "))
        }
    };
    let counts = &mut recorder.counts;
    if kept.is_empty() {
        counts.failed += 1;
    } else {
        counts.made += 1;
    }
    let Trigger { kind, what, .. } = &making.trigger;
    if !error.is_empty() {
        say(&format!("evidence of {kind} {what:?}, {}: {error}", making.name));
    } else if !making.trigger.is_asked_for() {
        let place = if kept == MEMORY { &making.name } else { &kept };
        say(&format!("evidence of {kind} {what:?}: {place}"));
    }
    if let Some(state) = recorder.states.iter_mut().find(|state| state.name == making.name) {
        (state.bytes, state.kept, state.error) = (bytes, kept, error);
        state.took_seconds = making.began.elapsed().as_secs_f64();
    }
    counts.kept_bytes = recorder.states.iter().filter(|state| !state.kept.is_empty()).map(|state| state.bytes).sum();
    recorder.shown.publish(recorder.counts);
}
