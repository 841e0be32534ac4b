//! The one way to a bundle: who joins which, quotas, the thread that makes it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::archive;
use super::contents::Contents;
use super::making::{Made, Making, Told};
use super::readings::{Counts, Shown};
use super::readme;
use super::shelf::{Folder, Memory, Names, folder_of};
use super::trigger::Trigger;
use crate::base::background::Background;
use crate::base::fork::{Held, Lock};
use crate::base::headroom;
use crate::base::notice::say;
use crate::base::process_identity::Process;
use crate::base::stamp::Stamp;
use crate::event::{self, Event};
use crate::memory;
use crate::record::{OwnThread, Part};
use crate::snapshot::{BundleState, TriggerKind};

/// What nobody waits for joins a bundle that is not older.
const APART: Duration = Duration::from_secs(60);
/// What somebody waits for joins one of the same length that is not older.
const SAME: Duration = Duration::from_secs(10);
/// No bundle goes back further.
const LONGEST: Duration = Duration::from_secs(3_600);
/// The number of bundles in an hour of one alert, one panic, one signal.
const MOST_AN_HOUR: usize = 5;
const HOUR: Duration = Duration::from_secs(3_600);
/// The number of bundles that are remembered, kept or not.
const MOST_STATES: usize = 100;
/// Memory that a bundle may need while it is made.
const BUNDLE_BYTES: usize = 32 << 20;
/// A bundle's place without a folder.
const MEMORY: &str = "memory";
/// Why there is none.
const ENDED: &str = "the profiler ended meanwhile";

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

#[derive(Debug)]
struct Recorder {
    /// Tells it from one that was started later.
    number: u64,
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

/// While it exists, bundles can be made.
#[derive(Debug)]
pub(crate) struct Opened {
    number: u64,
}

impl Opened {
    /// Takes the place of an earlier one.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub(crate) fn new(plan: Plan) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let recorder = Recorder::new(plan, number)?;
        recorder.shown.publish(recorder.counts);
        let former = RECORDER.lock().replace(recorder);
        close(former);
        Ok(Self { number })
    }

    /// Waits so long at most for the bundle that is being made; then there are none.
    pub(crate) fn end_within(self, time: Duration) {
        let is_it = |recorder: &&Recorder| recorder.number == self.number;
        let latest = RECORDER.lock().as_ref().filter(is_it).and_then(|recorder| recorder.latest.clone());
        if let Some(latest) = latest {
            latest.wait(time);
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let mut recorder = RECORDER.lock();
        let own = if recorder.as_ref().is_some_and(|recorder| recorder.number == self.number) {
            recorder.take()
        } else {
            None
        };
        drop(recorder);
        close(own);
    }
}

/// Drops a recorder, without the lock, which its thread may need. A thread that is not done is left
/// running.
fn close(recorder: Option<Recorder>) {
    let Some(mut recorder) = recorder else { return };
    if let Some(thread) = recorder.thread.take() {
        if recorder.process.is_current() {
            thread.end_by(Instant::now());
        } else {
            thread.forget();
        }
    }
}

/// Asks for a bundle of the last time, by default as the settings say. Returns at once.
pub(crate) fn request(trigger: Trigger, last: Option<Duration>) -> Answer {
    let Some(mut recorder) = lock_for(trigger.kind) else {
        return Answer::Refused("the flight recorder is in use".to_owned());
    };
    let (answer, former) = match recorder.as_mut().filter(|recorder| recorder.process.is_current()) {
        Some(recorder) => {
            let answer = recorder.request(trigger, last);
            recorder.shown.publish(recorder.counts);
            answer
        }
        None => (Answer::Refused("the profiler does not run, or PERF_FLIGHT is off".to_owned()), None),
    };
    drop(recorder);
    // It has made its bundle, and is about to end.
    drop(former);
    answer
}

/// A panic may have happened while its own thread held the lock: then there is no bundle.
fn lock_for(kind: TriggerKind) -> Option<Held<Option<Recorder>>> {
    const ATTEMPTS: u32 = 100;
    if kind != TriggerKind::Panic {
        return Some(RECORDER.lock());
    }
    (0..ATTEMPTS).find_map(|attempt| {
        if attempt > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        RECORDER.try_lock()
    })
}

/// Waits for a bundle that is being made. `None` if it is not ready by then.
pub(crate) fn wait(name: &str, time: Duration) -> Option<Result<Bundle, String>> {
    let latest = RECORDER.lock().as_ref().and_then(|recorder| recorder.latest.clone());
    let made = match latest.filter(|making| making.name == name) {
        Some(making) => making.wait(time)?,
        None => Made::Kept,
    };
    Some(match made {
        Made::Kept => fetch(name).map_err(|error| error.to_string()),
        Made::NotKept(bytes) => Ok(Bundle { name: name.to_owned(), bytes }),
        Made::Failed(why) => Err(why),
    })
}

/// Waits until a bundle is no more being made.
pub(crate) fn wait_until_over(name: &str, time: Duration) {
    let latest = RECORDER.lock().as_ref().and_then(|recorder| recorder.latest.clone());
    if let Some(making) = latest.filter(|making| making.name == name) {
        making.wait(time);
    }
}

/// Calls `told` once the bundle is over, or at once if it is: with its name, and what did not go as
/// it should; or with the reason why it is not kept.
pub(crate) fn when_over(name: &str, told: impl FnOnce(Result<String, String>) + Send + 'static) {
    let result = {
        let recorder = RECORDER.lock();
        let latest = recorder.as_ref().and_then(|recorder| recorder.latest.as_ref());
        if let Some(making) = latest.filter(|making| making.name == name && !making.is_settled()) {
            making.tell(Told(Box::new(told)));
            return;
        }
        let states = recorder.as_ref().map(|recorder| &recorder.states);
        match states.and_then(|states| states.iter().find(|state| state.name == name)) {
            Some(state) => result_of(name, &state.kept, &state.error),
            None => Err(ENDED.to_owned()),
        }
    };
    told(result);
}

/// What is to be said of a bundle that is over.
fn result_of(name: &str, kept: &str, error: &str) -> Result<String, String> {
    match (kept, error) {
        ("", "") => Err("it was handed out to who asked for it, and is not kept".to_owned()),
        ("", why) => Err(why.to_owned()),
        (_, "") => Ok(name.to_owned()),
        (MEMORY, why) => Ok(format!("{name}, in memory: {why}")),
        (_, why) => Ok(format!("{name}; {why}")),
    }
}

/// A bundle that is kept.
pub(crate) fn fetch(name: &str) -> io::Result<Bundle> {
    let (bytes, folder, file) = {
        let recorder = RECORDER.lock();
        let Some(recorder) = recorder.as_ref() else { return Err(io::ErrorKind::NotFound.into()) };
        let state = recorder.states.iter().find(|state| state.name == name && state.kept != MEMORY);
        // Another process may have taken the name in the folder.
        let file = state.and_then(|state| Some(Path::new(&state.kept).file_name()?.to_str()?.to_owned()));
        (recorder.memory.read(name), recorder.folder.clone(), file)
    };
    let bytes = match (bytes, folder) {
        (Some(bytes), _) => bytes,
        (None, Some(folder)) => folder.read(file.as_deref().unwrap_or(name))?.into(),
        (None, None) => return Err(io::ErrorKind::NotFound.into()),
    };
    Ok(Bundle { name: name.to_owned(), bytes })
}

/// All bundles, the latest first.
#[cfg(feature = "serve")]
pub(crate) fn bundles() -> Vec<BundleState> {
    let mut states: Vec<BundleState> = {
        let recorder = RECORDER.lock();
        let Some(recorder) = recorder.as_ref() else { return Vec::new() };
        let is_gone = |state: &BundleState| state.kept == MEMORY && recorder.memory.read(&state.name).is_none();
        let shown = |state: &BundleState| {
            let kept = if is_gone(state) { String::new() } else { state.kept.clone() };
            BundleState { kept, ..state.clone() }
        };
        recorder.states.iter().map(shown).collect()
    };
    for state in states.iter_mut().filter(|state| !state.kept.is_empty() && state.kept != MEMORY) {
        if !Path::new(&state.kept).exists() {
            state.kept.clear();
        }
    }
    states
}

impl Recorder {
    /// # Errors
    /// The folder cannot be written to.
    fn new(plan: Plan, number: u64) -> io::Result<Self> {
        let names = Names::new(&plan.service);
        let folder = plan.folder.map(|(folder, most)| Folder::new(names.clone(), folder, most));
        if let Some(folder) = &folder {
            folder.probe()?;
        }
        Ok(Self {
            number,
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
        })
    }

    /// Also returns the thread of the bundle before, which is to be dropped without the lock.
    fn request(&mut self, trigger: Trigger, last: Option<Duration>) -> (Answer, Option<Background>) {
        let last = last.unwrap_or(self.last).min(LONGEST);
        if let Some(name) = self.join(&trigger, last) {
            self.counts.joined += 1;
            return (Answer::Joined(name), None);
        }
        let (key, is_asked_for) = ((trigger.kind.name(), trigger.what.clone()), trigger.is_asked_for());
        if !is_asked_for && self.number_of_recent(&key) >= MOST_AN_HOUR {
            self.counts.refused += 1;
            let (kind, what) = (trigger.kind, trigger.what);
            let why = format!("{kind} {what:?} had {MOST_AN_HOUR} bundles within an hour");
            return (Answer::Refused(why), None);
        }
        match self.begin(trigger, last) {
            Ok((name, former)) => {
                if !is_asked_for {
                    self.recent.entry(key).or_default().push_back(Instant::now());
                }
                (Answer::Begun(name), former)
            }
            Err(why) => {
                self.counts.failed += 1;
                (Answer::Refused(why), None)
            }
        }
    }

    /// The bundle that has what is asked for, or was just made.
    fn join(&mut self, trigger: &Trigger, last: Duration) -> Option<String> {
        let latest = self.latest.as_ref()?;
        let (age, is_settled) = (latest.began.elapsed(), latest.is_settled());
        let joins = match trigger.is_asked_for() {
            true => latest.last == last && (!is_settled || age < SAME),
            // What somebody asked for before is not of this, but one that is being made is: from
            // then on it is kept.
            false => !is_settled || (latest.last >= last && age < APART && latest.evidence_of().is_some()),
        };
        if !joins || latest.has_failed() {
            return None;
        }
        if !is_settled {
            latest.join(trigger.clone());
        }
        let name = latest.name.clone();
        if let Some(state) = self.states.iter_mut().find(|state| state.name == name)
            && state.joined.len() < MOST_STATES
        {
            state.joined.push(format!("{}: {}", trigger.kind, trigger.what));
        }
        Some(name)
    }

    fn number_of_recent(&mut self, key: &(&'static str, String)) -> usize {
        self.recent.retain(|_, times| {
            times.retain(|at| at.elapsed() <= HOUR);
            !times.is_empty()
        });
        self.recent.get(key).map_or(0, VecDeque::len)
    }

    /// Returns the name of the bundle, and the thread of the one before.
    fn begin(&mut self, trigger: Trigger, last: Duration) -> Result<(String, Option<Background>), String> {
        if self.latest.as_ref().is_some_and(|latest| !latest.is_settled()) {
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
        let making = self.new_making((name.clone(), stamp), &trigger, last);
        let made = Arc::clone(&making);
        let thread = Background::start("perf-sdk-flight", move |pauses| {
            let _own = OwnThread::enter(Part::Flight);
            memory::uncounted(|| make(&made));
            if made.is_not_kept() {
                // Who waits gets it, and then nobody.
                pauses.wait(SAME);
                made.forget();
            }
        });
        let thread = thread.map_err(|error| format!("no thread can be started: {error}"))?;
        let former = self.thread.replace(thread);
        self.note_making(making, trigger);
        Ok((name, former))
    }

    fn new_making(&self, named: (String, Stamp), trigger: &Trigger, last: Duration) -> Arc<Making> {
        Arc::new(Making::new(self.number, self.folder.clone(), named, trigger.clone(), last))
    }

    fn note_making(&mut self, making: Arc<Making>, trigger: Trigger) {
        self.states.truncate(MOST_STATES - 1);
        self.states.push_front(BundleState {
            name: making.name.clone(),
            at_unix_ns: trigger.at_unix_ns,
            trigger: trigger.kind,
            what: trigger.what,
            evidence: trigger.evidence,
            ..BundleState::default()
        });
        self.latest = Some(making);
    }
}

/// Makes a bundle and keeps it.
fn make(making: &Making) {
    /// Whoever waits is told of a panic too.
    struct Ends<'a>(&'a Making);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            if !self.0.is_over() {
                self.0.end(&keep(&RECORDER, self.0, &Err("making it panicked".to_owned())));
            }
        }
    }
    let ends = Ends(making);
    let contents = Contents::gather(making.last);
    let joined = making.joined();
    let folder = folder_of(&making.name);
    let text = readme::write(folder, &making.trigger, &joined, &contents);
    let mut files = contents.files;
    files.insert(0, ("README.md", text.into_bytes()));
    let packed = archive::pack(folder, &files, making.trigger.at_unix_ns / 1_000_000_000);
    let packed = packed.map(Arc::from).map_err(|error| format!("it cannot be packed: {error}"));
    let result = keep(&RECORDER, making, &packed);
    making.end(&result);
    drop(ends);
}

/// Keeps it where it belongs. What somebody asked for is handed out, and pushes out no evidence of
/// alerts, unless an alert came while it was made.
fn keep(
    recorder: &'static Lock<Option<Recorder>>,
    making: &Making,
    packed: &Result<Arc<[u8]>, String>,
) -> Result<String, String> {
    loop {
        let evidence_of = making.evidence_of();
        // The disk may stand still: not under the lock, for which alerts wait.
        let written = match packed {
            Ok(bytes) if evidence_of.is_some() => write(making, bytes),
            _ => None,
        };
        if let Some(result) = note(recorder, making, packed, evidence_of.as_ref(), written) {
            return result;
        }
    }
}

/// A file that was written: its path, and the bytes of all bundles in the folder.
struct Written {
    path: String,
    all_bytes: Result<u64, String>,
}

/// `None` without a folder.
fn write(making: &Making, bytes: &[u8]) -> Option<Result<Written, String>> {
    let folder = making.folder.as_ref()?;
    Some(match folder.write(making.stamp, bytes) {
        Err(error) => Err(format!("{} cannot be written: {error}", folder.path(&making.name).display())),
        Ok(name) => {
            let path = folder.path(&name).display().to_string();
            let all_bytes = folder.tidy(&name).map_err(|error| format!("old bundles cannot be deleted: {error}"));
            Ok(Written { path, all_bytes })
        }
    })
}

/// Notes what became of it, and keeps it in memory if it is in no file. `None` if it became
/// evidence meanwhile, and is to be written first.
fn note(
    recorder: &'static Lock<Option<Recorder>>,
    making: &Making,
    packed: &Result<Arc<[u8]>, String>,
    evidence_of: Option<&Trigger>,
    written: Option<Result<Written, String>>,
) -> Option<Result<String, String>> {
    let (kept, error, state) = {
        let mut recorder = recorder.lock();
        if evidence_of.is_none() && packed.is_ok() && making.evidence_of().is_some() {
            return None;
        }
        let settled = |is_kept: bool| match packed {
            Ok(_) if is_kept => Made::Kept,
            Ok(bytes) => Made::NotKept(Arc::clone(bytes)),
            Err(why) => Made::Failed(why.clone()),
        };
        let Some(recorder) = recorder.as_mut().filter(|recorder| recorder.number == making.number) else {
            making.settle(settled(false));
            drop(recorder);
            let result = match written {
                Some(Ok(Written { path, .. })) => Ok(path),
                _ => Err(ENDED.to_owned()),
            };
            if let Some(Trigger { kind, what, .. }) = evidence_of {
                let place = result.as_deref().unwrap_or("none, since the profiler ended");
                say(&format!("evidence of {kind} {what:?}: {place}"));
            }
            return Some(result);
        };
        let mut in_folder = None;
        let (kept, error) = match (packed, written) {
            (Err(why), _) => (String::new(), why.clone()),
            (Ok(_), Some(Ok(Written { path, all_bytes }))) => {
                in_folder = all_bytes.as_ref().ok().copied();
                (path, all_bytes.err().unwrap_or_default())
            }
            (Ok(_), None) if evidence_of.is_none() => (String::new(), String::new()),
            (Ok(bytes), written) => {
                let has_room = recorder.memory.keep(&making.name, bytes);
                let why = written.and_then(Result::err);
                let too_large = || format!("memory has no room for its {} bytes", bytes.len());
                let whys: Vec<String> = why.into_iter().chain((!has_room).then(too_large)).collect();
                (if has_room { MEMORY.to_owned() } else { String::new() }, whys.join("; "))
            }
        };
        making.settle(settled(!kept.is_empty()));
        let counts = &mut recorder.counts;
        if kept.is_empty() && !error.is_empty() {
            counts.failed += 1;
        } else {
            counts.made += 1;
        }
        counts.in_folder_bytes = in_folder.unwrap_or(counts.in_folder_bytes);
        counts.in_memory_bytes = recorder.memory.bytes();
        if let Some(state) = recorder.states.iter_mut().find(|state| state.name == making.name) {
            state.bytes = packed.as_ref().map_or(0, |bytes| bytes.len() as u64);
            (state.kept, state.error) = (kept.clone(), error.clone());
            state.took_seconds = making.began.elapsed().as_secs_f64();
        }
        let state = recorder.states.iter().find(|state| state.name == making.name).cloned();
        recorder.shown.publish(recorder.counts);
        (kept, error, state)
    };
    state.into_iter().for_each(|state| event::emit(|| Event::Bundle(state)));
    // Without the lock: who reads it may not do so.
    let Trigger { kind, what, .. } = evidence_of.unwrap_or(&making.trigger);
    if !error.is_empty() {
        say(&format!("evidence of {kind} {what:?}, {}: {error}", making.name));
    } else if evidence_of.is_some() {
        let place = if kept == MEMORY { &making.name } else { &kept };
        say(&format!("evidence of {kind} {what:?}: {place}"));
    }
    Some(result_of(&making.name, &kept, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: Duration = Duration::from_secs(60);

    fn trigger(kind: TriggerKind, what: &str) -> Trigger {
        Trigger::now(kind, what.to_owned(), String::new())
    }

    /// A recorder whose bundles are made by hand, with one that somebody asked for.
    fn asked(folder: Option<PathBuf>) -> (&'static Lock<Option<Recorder>>, Arc<Making>) {
        let plan = Plan { service: "t".to_owned(), last: LAST, folder: folder.map(|folder| (folder, 1 << 20)) };
        let mut recorder = Recorder::new(plan, 7).unwrap();
        let (trigger, stamp) = (trigger(TriggerKind::Request, "HTTP"), Stamp::of_unix_ns(1_700_000_000_000_000_000));
        let making = recorder.new_making((recorder.names.of(stamp), stamp), &trigger, LAST);
        recorder.note_making(Arc::clone(&making), trigger);
        (Box::leak(Box::new(Lock::new(Some(recorder)))), making)
    }

    fn join(recorder: &'static Lock<Option<Recorder>>, kind: TriggerKind, what: &str) -> Option<String> {
        recorder.lock().as_mut().unwrap().join(&trigger(kind, what), LAST)
    }

    fn state(recorder: &'static Lock<Option<Recorder>>) -> BundleState {
        recorder.lock().as_ref().unwrap().states[0].clone()
    }

    fn packed(bytes: usize) -> Result<Arc<[u8]>, String> {
        Ok(vec![7; bytes].into())
    }

    #[test]
    fn what_only_somebody_asked_for_is_not_kept() {
        let (recorder, making) = asked(None);
        assert!(join(recorder, TriggerKind::Request, "code").is_some());
        assert!(keep(recorder, &making, &packed(9)).is_err());
        assert!(making.is_settled() && making.is_not_kept());
        assert_eq!((state(recorder).kept, state(recorder).error), (String::new(), String::new()));
        assert_eq!(join(recorder, TriggerKind::Alert, "slow"), None, "it is not evidence of it");
        assert!(join(recorder, TriggerKind::Request, "code").is_some());
    }

    #[test]
    fn an_alert_that_joins_what_somebody_asked_for_has_it_as_evidence() {
        let (recorder, making) = asked(None);
        assert_eq!(join(recorder, TriggerKind::Alert, "slow"), Some(making.name.clone()));
        assert_eq!(keep(recorder, &making, &packed(9)), Ok(making.name.clone()));
        assert_eq!((state(recorder).kept.as_str(), state(recorder).bytes), (MEMORY, 9));
        assert_eq!(state(recorder).joined, ["alert: slow"]);
        assert_eq!(join(recorder, TriggerKind::Alert, "another"), Some(making.name.clone()));
    }

    #[test]
    #[cfg_attr(miri, ignore = "writes files")]
    fn an_alert_that_comes_while_the_bundle_is_handed_out_has_it_in_the_folder() {
        let folder = std::env::temp_dir().join(format!("perf-sdk-test-{}-joined", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (recorder, making) = asked(Some(folder.clone()));
        let (none, packed) = (making.evidence_of(), packed(9));
        assert!(none.is_none());
        join(recorder, TriggerKind::Alert, "slow");
        assert_eq!(note(recorder, &making, &packed, none.as_ref(), None), None, "it is to be written");
        assert!(keep(recorder, &making, &packed).is_ok());
        let kept = state(recorder).kept;
        assert_eq!(std::fs::read(&kept).unwrap(), [7; 9]);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    #[cfg_attr(miri, ignore = "writes files")]
    fn what_has_no_place_is_an_error_with_all_its_reasons() {
        let folder = std::env::temp_dir().join(format!("perf-sdk-test-{}-gone", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (recorder, making) = asked(Some(folder.clone()));
        std::fs::remove_dir_all(folder).unwrap();
        join(recorder, TriggerKind::Alert, "slow");
        let why = keep(recorder, &making, &packed(64 << 20)).unwrap_err();
        assert!(why.contains("cannot be written: ") && why.ends_with("memory has no room for its 67108864 bytes"));
        assert_eq!((state(recorder).kept, state(recorder).error), (String::new(), why));
        assert_eq!(recorder.lock().as_ref().unwrap().counts.failed, 1);
    }

    #[test]
    fn who_waits_is_told_what_became_of_a_bundle() {
        use std::sync::Mutex;

        let (recorder, making) = asked(None);
        join(recorder, TriggerKind::Alert, "slow");
        let heard: Arc<Mutex<Vec<Result<String, String>>>> = Arc::default();
        let hear = Arc::clone(&heard);
        making.tell(Told(Box::new(move |result| hear.lock().unwrap().push(result))));
        let result = keep(recorder, &making, &Err("it cannot be packed".to_owned()));
        assert!(making.has_failed() && !making.is_over() && heard.lock().unwrap().is_empty());
        making.end(&result);
        assert!(making.is_over() && making.wait(Duration::ZERO).is_some());
        assert_eq!(*heard.lock().unwrap(), [Err("it cannot be packed".to_owned())]);
    }

    #[test]
    fn a_panic_under_the_lock_does_not_wait_for_itself() {
        let _held = RECORDER.lock();
        let trigger = Trigger::now(TriggerKind::Panic, "here".to_owned(), String::new());
        assert!(matches!(request(trigger, None), Answer::Refused(why) if why.contains("in use")));
    }
}
