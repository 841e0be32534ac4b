//! The order in which everything starts.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::actions;
use super::alerts;
use super::budget;
#[cfg(feature = "serve")]
use super::change;
#[cfg(unix)]
use super::ending;
#[cfg(target_os = "linux")]
use super::ending::Asked;
#[cfg(feature = "flight")]
use super::evidence;
use super::handle::Handle;
use super::history;
use super::leaks;
#[cfg(feature = "pool")]
use super::pressure;
use super::readings;
use super::running::{self, Running, Start};
use super::sample_rules::sample_rules;
use super::scaling;
use super::scheduler::{self, Job};
use super::targets::{self, Judge};
use super::without::Without;
use super::worker::Worker;
use crate::action::Runner;
#[cfg(feature = "push")]
use crate::action::{Notifier, Places, Sender};
use crate::base::background::Background;
use crate::base::descriptors::Held;
use crate::base::notice::say;
use crate::base::process_identity::Process;
use crate::clock;
use crate::collect;
use crate::error::Error;
use crate::event;
use crate::finding;
use crate::flag;
use crate::instrument::Instruments;
use crate::leak::LeakSettings;
use crate::monitor;
#[cfg(feature = "push")]
use crate::push::{self, Plan, Pusher};
#[cfg(feature = "otlp")]
use crate::push::{OtlpExporter, OtlpPlan, UserMetrics};
use crate::reading;
use crate::record::{Allowance, Part};
use crate::scope::Hot;
#[cfg(feature = "serve")]
use crate::serve::{Server, SettingsHooks};
#[cfg(feature = "push")]
use crate::settings::ServiceName;
#[cfg(feature = "stacks")]
use crate::settings::StackEngine;
use crate::settings::{self, Builder, ByteSize, Callback, HotFunctions, Settings};
use crate::snapshot::LeakFinding;

impl Builder {
    /// Starts the profiler with these settings.
    ///
    /// If it runs already with equal settings, this returns another handle of it.
    ///
    /// # Errors
    /// A value that is not allowed, an explicit address that is in use or unprotected, a second
    /// start with other settings.
    pub fn start(self) -> Result<Handle, Error> {
        let variables = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
        settings::misspelt_variables(variables).iter().for_each(|warning| say(warning));
        let settings = self.resolve(settings::variable)?;
        start(settings, self)
    }
}

/// Returns the running profiler if its settings are equal, or starts one.
fn start(settings: Settings, builder: Builder) -> Result<Handle, Error> {
    let _start = match Start::begin() {
        Ok(start) => start,
        Err(running) => {
            return match running.settings.difference(&settings) {
                None => Ok(Handle { running }),
                Some((key, in_force, asked)) => Err(Error::Running { key, in_force, asked }),
            };
        }
    };
    let baseline = targets::baseline(&settings)?;
    let judge = Judge::load(&settings, baseline.clone())?;
    let alerts = alerts::Rules::load(&settings, baseline.clone())?;
    let scaling = scaling::Rules::load(&settings, baseline)?;
    prepare(&settings)?;
    let events = event::Opened::new();
    #[cfg(feature = "flight")]
    let flight = evidence::open(&settings)?;
    let history = history::open(&settings)?;
    #[cfg(feature = "serve")]
    let hooks = SettingsHooks { in_force: change::in_force, change: change::change };
    #[cfg(feature = "serve")]
    let server = Server::start(&settings, &builder, hooks)?;
    let mut without = Without::default();
    let mut threads = Vec::new();
    let worker = worker(&settings, &builder, &mut without, &mut threads)?;
    let wanted = history.is_there().then(|| {
        let of_targets = judge.as_ref().map(|judge| judge.functions()).unwrap_or_default();
        let of_alerts = alerts.as_ref().map(alerts::Rules::functions).unwrap_or_default();
        let of_scaling = scaling.as_ref().map(scaling::Rules::functions).unwrap_or_default();
        of_targets.into_iter().chain(of_alerts).chain(of_scaling).collect()
    });
    let mut jobs = jobs(&settings, builder.on_leak.clone(), worker.clone(), wanted);
    // After the history's round of the same second.
    jobs.extend(judge.clone().map(targets::job));
    // After the targets, of which alerts are.
    #[cfg(feature = "push")]
    let notifier = match &alerts {
        Some(_) => {
            #[cfg(feature = "serve")]
            let url = endpoint(&server);
            #[cfg(not(feature = "serve"))]
            let url = None;
            notifier(&settings, url, &mut without)?
        }
        None => None,
    };
    let runner = match alerts.as_ref().is_some_and(alerts::Rules::need_a_runner) {
        true => without.unless_asked("actions of alerts", settings.named(&["alert_command"]), actions::start())?,
        false => None,
    };
    let told = alerts::Told {
        callback: builder.on_alert.clone().zip(worker.clone()),
        #[cfg(feature = "tracing")]
        logger: worker,
        #[cfg(feature = "push")]
        notifier: notifier.as_ref().map(Notifier::handed),
        tasks: runner.as_ref().map(Runner::tasks),
    };
    jobs.extend(alerts.map(|alerts| alerts::job(alerts, told)));
    jobs.extend(scaling.map(scaling::job));
    #[cfg(all(feature = "flight", target_os = "linux"))]
    jobs.extend(evidence::job(&settings));
    if !jobs.is_empty() {
        let asked = settings.named(&JOB_KEYS).or(callback_of(&builder));
        let what = "the budget, so that all calls are measured, monitors, the history, targets, alerts, scaling, and the detection of leaks and of memory that runs short";
        threads.extend(without.unless_asked(what, asked, scheduler::start(jobs))?);
    }
    #[cfg(feature = "stacks")]
    if let Some(engine) = settings.stacks {
        let keep = settings.flight.filter(|_| cfg!(feature = "flight")).unwrap_or_default();
        let rules = crate::stacks::Rules { engine: stack_engine(engine), hz: settings.stacks_hz, keep };
        let asked = settings.named(&["stacks", "stacks_hz"]);
        threads.extend(without.unless_asked("samples of stacks", asked, sample_stacks(rules))?.flatten());
    }
    // After the sampler, whose samples it delivers.
    #[cfg(feature = "push")]
    let pusher = pusher(&settings, &mut without)?;
    #[cfg(feature = "otlp")]
    let otlp = otlp(&settings, &mut without)?;
    #[cfg(target_os = "linux")]
    let asked = if settings.report_signals {
        without.unless_asked("signals", settings.named(&["report_signals"]), Asked::listen(running::end_latest))?
    } else {
        None
    };
    without.say();
    let running = Arc::new(Running {
        events: Mutex::new(Some(events)),
        threads: Mutex::new(threads),
        #[cfg(feature = "push")]
        pusher: Mutex::new(pusher),
        #[cfg(feature = "otlp")]
        otlp: Mutex::new(otlp),
        #[cfg(feature = "push")]
        notifier: Mutex::new(notifier),
        runner: Mutex::new(runner),
        #[cfg(feature = "flight")]
        flight: Mutex::new(flight),
        #[cfg(feature = "dhat")]
        exact: Mutex::new(crate::memory::exact()),
        judge,
        settings,
        process: Process::current(),
        started: Instant::now(),
        #[cfg(feature = "serve")]
        server: Mutex::new(server),
        #[cfg(target_os = "linux")]
        asked: Mutex::new(asked),
        is_over: AtomicBool::new(false),
    });
    history.stay();
    flag::show(true);
    #[cfg(unix)]
    if running.judge.is_some() && running.settings.targets_exit.is_some() {
        ending::exit_with_status();
    }
    running::register(&running);
    Ok(Handle { running })
}

/// Applies the settings that need no thread.
fn prepare(settings: &Settings) -> Result<(), Error> {
    crate::base::sandbox::note_start(|descriptor| std::mem::forget(Held::new(descriptor)));
    if let Err(unavailable) = clock::init(settings.cpu_clock.map(clock::Engine::from)) {
        return Err(Error::Setting {
            place: "PERF_CPU_CLOCK".to_owned(),
            value: unavailable.engine.to_string(),
            allowed: unavailable.to_string(),
        });
    }
    #[cfg(feature = "push")]
    if let Some(folder) = &settings.profiles {
        push::probe(folder).map_err(|source| Error::Profiles { folder: folder.clone(), source })?;
    }
    accept_findings(settings)?;
    crate::record::began();
    crate::base::footprint::set_limit_bytes(settings.memory.as_bytes());
    #[cfg(feature = "stacks")]
    crate::stacks::read_debug_files(settings.debug_files);
    crate::memory::sample_heap(settings.heap.map(ByteSize::as_bytes));
    if let Some(rules) = LeakSettings::of(settings) {
        crate::memory::set_old_ns(u64::from(rules.old()[0]) * rules.window_ns);
    }
    crate::record::set_recording(settings.enabled);
    crate::record::set_window_length(settings.slow_window);
    crate::record::add_rules(&sample_rules(settings));
    Ok(())
}

/// Reads the file of findings that stay quiet.
fn accept_findings(settings: &Settings) -> Result<(), Error> {
    let Some(path) = &settings.findings_accepted else {
        collect::accept_findings(BTreeSet::new());
        return Ok(());
    };
    let text = std::fs::read_to_string(path).map_err(|source| Error::Findings { path: path.clone(), source })?;
    let accepted = finding::accepted(&text).map_err(|(line, value)| Error::Setting {
        place: format!("{}:{line}", path.display()),
        value,
        allowed: "a fingerprint of 16 hexadecimal digits, as /findings shows it".to_owned(),
    })?;
    collect::accept_findings(accepted);
    Ok(())
}

/// The settings of jobs.
const JOB_KEYS: [&str; 13] = [
    "budget",
    "budget_floor",
    "hot",
    "pressure",
    "leak_window",
    "leak_horizon",
    "leak_floor",
    "leak_caches",
    "monitors",
    "history",
    "targets",
    "alerts",
    "evidence_signal",
];

/// The callback that the program gave, if there is one.
fn callback_of(builder: &Builder) -> Option<&'static str> {
    let alert = builder.on_alert.as_ref().map(|_| "on_alert");
    builder.on_leak.as_ref().map(|_| "on_leak").or(alert)
}

/// The page of alerts, if the endpoint has an address.
#[cfg(all(feature = "push", feature = "serve"))]
fn endpoint(server: &Option<Server>) -> Option<String> {
    server.as_ref().and_then(Server::address).map(|address| format!("http://{address}/alerts"))
}

/// The thread that tells of alerts. There is none unless it was asked for.
#[cfg(feature = "push")]
fn notifier(settings: &Settings, url: Option<String>, without: &mut Without) -> Result<Option<Notifier>, Error> {
    let (webhook, alertmanager) = (settings.alert_webhook.clone(), settings.alertmanager.clone());
    if webhook.is_none() && alertmanager.is_none() {
        return Ok(None);
    }
    let service = settings.push_name.clone().unwrap_or_else(ServiceName::of_executable);
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let labels = settings.push_labels.iter().map(owned).collect();
    let sender = Sender { service: service.as_str().to_owned(), labels, url };
    let asked = settings.named(&["alert_webhook", "alertmanager"]);
    without.unless_asked("alerts", asked, Notifier::start(Places { webhook, alertmanager, sender }))
}

/// The thread for callbacks and relief. `None` if the settings allow neither.
fn worker(
    settings: &Settings,
    builder: &Builder,
    without: &mut Without,
    threads: &mut Vec<Background>,
) -> Result<Option<Worker>, Error> {
    let relieves = cfg!(feature = "pool") && settings.pressure.is_some();
    if !relieves && callback_of(builder).is_none() {
        return Ok(None);
    }
    let asked = settings.named(&["pressure"]).or(callback_of(builder));
    let started = without.unless_asked("relief when memory is short", asked, Worker::start())?;
    Ok(started.map(|(worker, thread)| {
        threads.push(thread);
        worker
    }))
}

/// The jobs, the most urgent first. `history`: the functions that it should have, if there is one.
fn jobs(
    settings: &Settings,
    on_leak: Option<Callback<LeakFinding>>,
    worker: Option<Worker>,
    history: Option<Vec<String>>,
) -> Vec<Job> {
    let budget = settings.budget.map(|share| {
        let allowance = Allowance { share: share.ratio(), floor: settings.budget_floor.ratio() };
        let hot = match settings.hot {
            HotFunctions::Rest => Hot::Rest,
            HotFunctions::Count => Hot::Count,
        };
        budget::job(allowance, hot)
    });
    let mut jobs: Vec<Job> = budget.into_iter().collect();
    #[cfg(feature = "pool")]
    jobs.push(pressure::job(settings, worker.clone()));
    if settings.monitors {
        jobs.push(readings::job(Part::Instruments, Duration::from_secs(1), Box::new(Instruments::default())));
        reading::reserve(readings::descriptions());
        let mut producers = monitor::producers();
        producers.push((Duration::from_secs(2), Box::new(collect::LockMonitor)));
        #[cfg(feature = "jemalloc")]
        producers.push((Duration::from_secs(2), Box::new(collect::AllocatorMonitor)));
        let producers = producers.into_iter();
        jobs.extend(producers.map(|(interval, producer)| readings::job(Part::Monitors, interval, producer)));
    }
    jobs.extend(LeakSettings::of(settings).map(|rules| leaks::job(rules, on_leak, worker)));
    // After the readings of the same second.
    jobs.extend(history.map(history::job));
    jobs
}

/// The thread that pushes profiles and writes them to files. There is none unless it was asked for.
#[cfg(feature = "push")]
fn pusher(settings: &Settings, without: &mut Without) -> Result<Option<Pusher>, Error> {
    let Some(plan) = Plan::of(settings) else { return Ok(None) };
    if let Some(warning) = plan.push.as_ref().and_then(|push| push.warning()) {
        say(&warning);
    }
    without.unless_asked("profiles", settings.named(&["push", "profiles"]), Pusher::start(plan))
}

/// The thread that sends metrics as OTLP. There is none unless it was asked for.
#[cfg(feature = "otlp")]
fn otlp(settings: &Settings, without: &mut Without) -> Result<Option<OtlpExporter>, Error> {
    #[cfg(feature = "metrics")]
    let user: UserMetrics = crate::serve::user_metrics;
    #[cfg(not(feature = "metrics"))]
    let user: UserMetrics = || (None, Vec::new());
    let Some(plan) = OtlpPlan::of(settings) else { return Ok(None) };
    if let Some(warning) = plan.warning() {
        say(&warning);
    }
    without.unless_asked("metrics by OTLP", settings.named(&["otlp"]), OtlpExporter::start(plan, user))
}

/// The thread that samples stacks.
#[cfg(feature = "stacks")]
fn sample_stacks(rules: crate::stacks::Rules) -> std::io::Result<Option<Background>> {
    use crate::record;
    let host = crate::stacks::Host {
        scopes: || {
            record::records().filter_map(|record| Some((record.owner()?, record.scopes_for_handler()))).collect()
        },
        own: record::own_threads,
        spent: record::add_signals_ns,
    };
    crate::stacks::start(rules, host, || Box::new(record::OwnThread::enter(record::Part::Stacks)))
}

/// `None`: chosen by the rate.
#[cfg(feature = "stacks")]
fn stack_engine(engine: StackEngine) -> Option<crate::stacks::Engine> {
    match engine {
        StackEngine::Auto => None,
        StackEngine::CpuTimer => Some(crate::stacks::Engine::Timer),
        StackEngine::PerfClock => Some(crate::stacks::Engine::Perf),
        StackEngine::Pprof => Some(crate::stacks::Engine::Pprof),
    }
}
