//! The thread that does what takes long: commands, and returning memory.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::command::{Exit, Running};
use super::retry::Retry;
use super::trim;
use crate::alert::{AlertCommand, Ended};
use crate::base::background::{Background, Pauses};
use crate::base::headroom;
use crate::base::unpoisoned::Unpoisoned as _;
use crate::memory;
use crate::record::{OwnThread, Part};

/// The number of actions that wait.
const MOST_WAITING: usize = 100;
/// The number of commands that run at a time.
const MOST_RUNNING: usize = 4;
/// How often a command is tried that fails.
const ATTEMPTS: u32 = 3;
/// How long the end of the profiler waits for commands that are killed.
const LAST: Duration = Duration::from_secs(1);
/// The time between two looks at commands: at first, and at most.
const LOOKS: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(50)];

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Work {
    Command(AlertCommand, Vec<(&'static str, String)>),
    Trim,
    Purge,
}

/// Something that waits, or is tried again later.
#[derive(Debug)]
struct Task {
    number: u64,
    /// For which alert: its fingerprint.
    alert: String,
    /// It is for the end of the alert, which it waits for.
    is_end: bool,
    /// The alert ended meanwhile.
    is_late: bool,
    work: Work,
    attempts: u32,
    retry: Retry,
}

#[derive(Debug, Default)]
struct Waiting {
    tasks: VecDeque<Task>,
    /// The number of the latest task.
    latest: u64,
    /// Alerts that ended, each with the latest task at that time.
    ended: Vec<(String, u64)>,
    /// Nothing is done any more.
    is_over: bool,
}

/// Told of each run that ended.
#[derive(Clone)]
struct Told(Arc<dyn Fn(u64, Ended) + Send + Sync>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

/// Hands work to the thread.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    waiting: Arc<Mutex<Waiting>>,
    thread: Thread,
}

impl Tasks {
    /// # Errors
    /// Why nothing more is taken.
    pub(crate) fn have_room(&self) -> Result<(), String> {
        let number = self.waiting.lock().unpoisoned().tasks.len();
        if number < MOST_WAITING { Ok(()) } else { Err(format!("{MOST_WAITING} actions wait already")) }
    }

    /// # Errors
    /// Why it is not done.
    pub(crate) fn hand_over(&self, number: u64, alert: &str, is_end: bool, work: Work) -> Result<(), String> {
        let mut waiting = self.waiting.lock().unpoisoned();
        if waiting.is_over {
            return Err("the profiler ends".to_owned());
        }
        if waiting.tasks.len() >= MOST_WAITING {
            return Err(format!("{MOST_WAITING} actions wait already"));
        }
        waiting.latest = number;
        let alert = alert.to_owned();
        let task = Task { number, alert, is_end, is_late: false, work, attempts: 0, retry: Retry::default() };
        waiting.tasks.push_back(task);
        drop(waiting);
        self.thread.unpark();
        Ok(())
    }

    /// What was to be done while this alert fires is not begun any more, nor tried again. Returns
    /// what has not begun.
    pub(crate) fn alert_ended(&self, alert: &str) -> Vec<u64> {
        let mut waiting = self.waiting.lock().unpoisoned();
        let latest = waiting.latest;
        waiting.ended.push((alert.to_owned(), latest));
        let tasks = std::mem::take(&mut waiting.tasks);
        let (late, tasks): (VecDeque<_>, _) = tasks.into_iter().partition(|task| task.alert == alert && !task.is_end);
        waiting.tasks = tasks;
        drop(waiting);
        self.thread.unpark();
        late.into_iter().map(|task| task.number).collect()
    }
}

/// Does what is handed over, until it is dropped.
#[derive(Debug)]
pub(crate) struct Runner {
    thread: Option<Background>,
    tasks: Tasks,
}

impl Runner {
    /// `told` is called on the thread with each run that ended.
    pub(crate) fn start(told: impl Fn(u64, Ended) + Send + Sync + 'static) -> io::Result<Self> {
        let waiting: Arc<Mutex<Waiting>> = Arc::default();
        let ours = Arc::clone(&waiting);
        let told = Told(Arc::new(told));
        let thread = Background::start("perf-sdk-actions", move |pauses| {
            let _own = OwnThread::enter(Part::Alerts);
            let mut doing = Doing { waiting: ours, told, running: Vec::new(), later: Vec::new(), killed: Vec::new() };
            memory::uncounted(|| doing.run(pauses));
        })?;
        let tasks = Tasks { waiting, thread: thread.thread().clone() };
        Ok(Self { thread: Some(thread), tasks })
    }

    pub(crate) fn tasks(&self) -> Tasks {
        self.tasks.clone()
    }

    /// Called in a forked child, where the thread does not exist.
    pub(crate) fn forget(mut self) {
        if let Some(thread) = self.thread.take() {
            thread.forget();
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.end_by(Instant::now() + LAST);
        }
    }
}

struct Doing {
    waiting: Arc<Mutex<Waiting>>,
    told: Told,
    running: Vec<(Task, Running)>,
    /// What is tried again.
    later: Vec<Task>,
    /// Commands whose time was over, until the system let them go.
    killed: Vec<Running>,
}

impl Doing {
    fn run(&mut self, pauses: &Pauses) {
        let mut look = LOOKS[0];
        while !pauses.is_over() {
            if self.turn(Instant::now()) {
                look = LOOKS[0];
            }
            pauses.wait_or_call(self.pause(Instant::now(), look));
            look = LOOKS[1].min(look * 2);
        }
        self.end();
    }

    /// Whether something began or ended.
    fn turn(&mut self, now: Instant) -> bool {
        let mut is_new = false;
        self.alerts_ended();
        for (mut task, mut running) in std::mem::take(&mut self.running) {
            match running.poll(now) {
                None => self.running.push((task, running)),
                Some(exit) => {
                    is_new = true;
                    if !running.is_gone() {
                        self.killed.push(running);
                    }
                    task.attempts += 1;
                    self.ended(task, exit, now);
                }
            }
        }
        self.killed.retain_mut(|killed| !killed.is_gone());
        while self.running.len() + self.killed.len() < MOST_RUNNING {
            let Some(task) = self.next(now) else { break };
            is_new = true;
            self.begin(task, now);
        }
        is_new
    }

    /// What belongs to alerts that ended is not tried again.
    fn alerts_ended(&mut self) {
        let ended = std::mem::take(&mut self.waiting.lock().unpoisoned().ended);
        if ended.is_empty() {
            return;
        }
        let is_late = |task: &Task| {
            let is_its = |(alert, latest): &(String, u64)| *alert == task.alert && task.number <= *latest;
            !task.is_end && ended.iter().any(is_its)
        };
        self.running.iter_mut().for_each(|(task, _)| task.is_late |= is_late(task));
        let (late, later): (Vec<_>, _) = std::mem::take(&mut self.later).into_iter().partition(|task| is_late(task));
        self.later = later;
        for task in late {
            let detail = "it failed, and the alert ended before it was tried again".to_owned();
            (self.told.0)(task.number, Ended { detail, attempts: task.attempts, has_failed: true, ..Ended::default() });
        }
    }

    /// The next task that is due. What is for the end of an alert waits for what runs for it.
    fn next(&mut self, now: Instant) -> Option<Task> {
        if let Some(at) = self.later.iter().position(|task| task.retry.is_due(now)) {
            return Some(self.later.swap_remove(at));
        }
        let mut waiting = self.waiting.lock().unpoisoned();
        let runs = |task: &Task| self.running.iter().any(|(running, _)| running.alert == task.alert);
        let at = waiting.tasks.iter().position(|task| !(task.is_end && runs(task)))?;
        waiting.tasks.remove(at)
    }

    fn begin(&mut self, mut task: Task, now: Instant) {
        let ended = match &task.work {
            Work::Trim | Work::Purge => trim::give_back(matches!(task.work, Work::Purge)),
            Work::Command(command, environment) => {
                let has_memory = headroom::is_there(headroom::TURN_BYTES);
                let begun = match has_memory {
                    true => Running::begin(command, environment),
                    false => Err("there is no memory for it".to_owned()),
                };
                match begun {
                    Ok(running) => return self.running.push((task, running)),
                    Err(why) => {
                        task.attempts += 1;
                        let exit =
                            Exit { result: Err(why), output: String::new(), took: Duration::ZERO, may_retry: true };
                        return self.ended(task, exit, now);
                    }
                }
            }
        };
        (self.told.0)(task.number, ended);
    }

    /// A command ended, well or not. One that failed is tried again.
    fn ended(&mut self, mut task: Task, exit: Exit, now: Instant) {
        if exit.result.is_err() && exit.may_retry && !task.is_late && task.attempts < ATTEMPTS {
            task.retry.failed(now);
            self.later.push(task);
            return;
        }
        let shown = match &task.work {
            Work::Command(command, _) => command.program(),
            Work::Trim | Work::Purge => "",
        };
        let has_failed = exit.result.is_err();
        let (Ok(how) | Err(how)) = exit.result;
        let ended = Ended {
            detail: format!("{shown}: {how}"),
            output: exit.output,
            attempts: task.attempts,
            took_seconds: exit.took.as_secs_f64(),
            has_failed,
        };
        (self.told.0)(task.number, ended);
    }

    fn pause(&self, now: Instant, look: Duration) -> Duration {
        if !self.running.is_empty() || !self.killed.is_empty() {
            return look;
        }
        self.later.iter().map(|task| task.retry.pause(now)).min().unwrap_or(Duration::MAX)
    }

    /// Nothing is left running, and what was not done failed.
    fn end(&mut self) {
        let waiting = {
            let mut waiting = self.waiting.lock().unpoisoned();
            waiting.is_over = true;
            std::mem::take(&mut waiting.tasks)
        };
        let running = std::mem::take(&mut self.running);
        let mut left: Vec<Task> = std::mem::take(&mut self.later);
        for (mut task, mut running) in running {
            running.kill();
            task.attempts += 1;
            left.push(task);
        }
        self.killed.clear();
        for task in left.into_iter().chain(waiting) {
            let detail = "the profiler ended meanwhile".to_owned();
            let ended = Ended { detail, attempts: task.attempts, has_failed: true, ..Ended::default() };
            (self.told.0)(task.number, ended);
        }
    }
}

#[cfg(all(test, unix, not(miri)))]
mod tests {
    use std::path::PathBuf;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn runner() -> (Runner, Receiver<(u64, Ended)>) {
        let (say, hear) = channel();
        let runner = Runner::start(move |number, ended| say.send((number, ended)).unwrap()).unwrap();
        (runner, hear)
    }

    fn shell(text: &str) -> AlertCommand {
        AlertCommand::new("/bin/sh").arg("-c").arg(text)
    }

    fn run(runner: &Runner, number: u64, command: AlertCommand) -> Result<(), String> {
        let environment = vec![("PERF_ALERT_NAME", "many jobs".to_owned())];
        runner.tasks().hand_over(number, "many jobs", false, Work::Command(command, environment))
    }

    fn file(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("perf-sdk-test-{}-{name}", std::process::id()))
    }

    fn is_alive(process: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.trim()));
        stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim().starts_with('Z'))
    }

    fn until(what: &str, is_so: impl Fn() -> bool) {
        let begin = Instant::now();
        while !is_so() {
            assert!(begin.elapsed() < PATIENCE, "waited for {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_command_has_its_environment_and_its_output_is_kept() {
        let (runner, hear) = runner();
        run(&runner, 1, shell("echo \"$PERF_ALERT_NAME\"; echo wrong >&2; head -c 10000 /dev/zero | tr '\\0' x"))
            .unwrap();
        let (number, ended) = hear.recv_timeout(PATIENCE).unwrap();
        assert!(number == 1 && !ended.has_failed && ended.attempts == 1, "{ended:?}");
        assert!(ended.output.starts_with("many jobs\nwrong\nxxx"), "{ended:?}");
        assert!(ended.output.ends_with("… and 5920 bytes more"), "{ended:?}");
        assert!(ended.detail.ends_with(": it ended well"), "{ended:?}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn signals_reach_a_command() {
        let (runner, hear) = runner();
        run(&runner, 1, shell("grep SigBlk /proc/self/status")).unwrap();
        let (_, ended) = hear.recv_timeout(PATIENCE).unwrap();
        assert_eq!(ended.output.split_whitespace().last(), Some("0000000000000000"), "{ended:?}");
    }

    #[test]
    fn what_is_for_the_end_of_an_alert_comes_last() {
        let (runner, hear) = runner();
        let go = file("go");
        let command = |alert: &str, number, is_end, text: &str| {
            let work = Work::Command(shell(text), Vec::new());
            runner.tasks().hand_over(number, alert, is_end, work).unwrap();
        };
        let wait = format!("until test -e {}; do sleep 0.01; done; exit 1", go.display());
        // Four hold all places, and the fifth has not begun.
        (1..=4).for_each(|number| command("a", number, false, &wait));
        until("all run", || runner.tasks().waiting.lock().unpoisoned().tasks.is_empty());
        command("a", 5, false, "true");
        command("b", 6, false, "true");
        assert_eq!(runner.tasks().alert_ended("a"), [5]);
        command("a", 7, true, "true");
        std::fs::write(&go, "").unwrap();
        let heard: Vec<(u64, u32)> = (0..6)
            .map(|_| hear.recv_timeout(PATIENCE).map(|(number, ended)| (number, ended.attempts)).unwrap())
            .collect();
        std::fs::remove_file(&go).unwrap();
        let at = |number| heard.iter().position(|(heard, _)| *heard == number).unwrap();
        assert!((1..=4).all(|number| at(number) < at(7)), "{heard:?}");
        assert!(heard.iter().all(|(_, attempts)| *attempts == 1), "not tried again: {heard:?}");
    }

    #[test]
    fn one_that_hangs_is_ended_with_its_group_and_holds_up_no_other() {
        let (runner, hear) = runner();
        let processes = file("hangs");
        let hangs = format!("sleep 1000 & echo $! > {0}; echo $$ >> {0}; wait", processes.display());
        let command = |timeout| shell(&hangs).timeout(Duration::from_millis(timeout));
        run(&runner, 1, command(600_000)).unwrap();
        let written = || std::fs::read_to_string(&processes).is_ok_and(|text| text.lines().count() == 2);
        until("it to hang", written);
        run(&runner, 2, shell("exit 0")).unwrap();
        assert_eq!(hear.recv_timeout(PATIENCE).unwrap().0, 2);
        let both = std::fs::read_to_string(&processes).unwrap();
        assert!(both.lines().all(is_alive), "{both}");
        // The end of the profiler is the end of both.
        drop(runner);
        let (number, ended) = hear.recv_timeout(PATIENCE).unwrap();
        assert!(number == 1 && ended.has_failed && ended.detail.contains("the profiler ended"), "{ended:?}");
        until("both to be gone", || !both.lines().any(is_alive));
        std::fs::remove_file(&processes).unwrap();

        let (runner, hear) = self::runner();
        run(&runner, 3, command(100)).unwrap();
        let (number, ended) = hear.recv_timeout(PATIENCE).unwrap();
        assert!(number == 3 && ended.has_failed && ended.attempts == 1, "{ended:?}");
        assert!(ended.detail.ends_with(": it was ended after 100ms"), "{ended:?}");
        if let Ok(both) = std::fs::read_to_string(&processes) {
            until("both to be gone", || !both.lines().any(is_alive));
            std::fs::remove_file(&processes).unwrap();
        }
    }

    #[test]
    fn one_that_fails_is_tried_three_times() {
        let (runner, hear) = runner();
        let count = file("fails");
        run(&runner, 1, shell(&format!("echo x >> {}; exit 3", count.display()))).unwrap();
        let second = file("second");
        run(&runner, 2, shell(&format!("test -e {0} || {{ touch {0}; exit 1; }}", second.display()))).unwrap();
        run(&runner, 3, AlertCommand::new("/no/such/program")).unwrap();
        let mut all: Vec<(u64, Ended)> = (0..3).map(|_| hear.recv_timeout(PATIENCE).unwrap()).collect();
        all.sort_by_key(|(number, _)| *number);
        let [(_, fails), (_, later), (_, missing)] = &all[..] else { panic!("{all:?}") };
        assert!(fails.has_failed && fails.attempts == 3 && fails.detail.ends_with("exit status: 3"), "{fails:?}");
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\nx\nx\n");
        assert!(!later.has_failed && later.attempts == 2, "{later:?}");
        assert!(missing.has_failed && missing.detail.contains("/no/such/program cannot be run"), "{missing:?}");
        [count, second].iter().for_each(|file| std::fs::remove_file(file).unwrap());
    }

    #[test]
    fn what_waits_is_bounded() {
        let (runner, hear) = runner();
        let hangs = shell("sleep 1000");
        let results: Vec<Result<(), String>> = (0..200).map(|number| run(&runner, number, hangs.clone())).collect();
        let refused = results.iter().filter(|result| result.is_err()).count();
        assert!((96..=100).contains(&refused), "{refused}");
        assert!(results[199].as_ref().is_err_and(|why| why == "100 actions wait already"));
        drop(runner);
        let ended: Vec<(u64, Ended)> = hear.iter().collect();
        assert!(ended.len() == 200 - refused && ended.iter().all(|(_, ended)| ended.has_failed), "{}", ended.len());
    }
}
