//! Settings in code, and how they become a configuration.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "metrics")]
use super::metrics_handle::MetricsHandle;
use super::{BucketRule, Config, Listen, buckets, values};
use crate::error::Error;
use crate::footprint::DEFAULT_LIMIT_BYTES;
use crate::leak::{LeakSettings, OnLeak};
use crate::rate::Rate;
use crate::record::Allowance;
use crate::scope::Hot;
use crate::secret::Secret;
use crate::settings::SETTINGS;
use crate::snapshot::Finding;

/// What measuring may cost when nothing else is said, as a share of the process's CPU time.
const DEFAULT_BUDGET: f64 = 0.01;
const DEFAULT_BUDGET_FLOOR: f64 = 0.005;
/// How leaks are looked for when nothing else is said.
const WINDOW: Duration = Duration::from_secs(30);
const HORIZON_WINDOWS: u32 = 120;
const FLOOR_BYTES: u64 = 1 << 20;
const DEFAULT_PRESSURE: Option<(f64, f64)> = if cfg!(feature = "pool") { Some((0.8, 0.95)) } else { None };
const DEFAULT_HEAP_BYTES: Option<u64> = if cfg!(feature = "heap") { Some(512 << 10) } else { None };

/// Settings made in code: see [`SETTINGS`] for each one's meaning and default. The environment overrides them.
#[derive(Clone, Default)]
#[must_use = "call start() to start the profiler"]
pub struct Builder {
    values: Vec<(&'static str, String)>,
    #[cfg(feature = "metrics")]
    pub(crate) metrics_handle: Option<MetricsHandle>,
    pub(crate) on_leak: Option<OnLeak>,
}

/// Tokens are nobody's business, and an address may hold a password where it may not.
fn is_secret(key: &str, value: &str) -> bool {
    matches!(key, "token" | "push_token") || (key == "push" && value.contains('@'))
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Builder");
        for (key, value) in &self.values {
            shown.field(key, if is_secret(key, value) { &"…" } else { value });
        }
        shown.field("on_leak", &self.on_leak).finish_non_exhaustive()
    }
}

impl Builder {
    pub(super) fn set(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.values.retain(|(known, _)| *known != key);
        self.values.push((key, value.into()));
        self
    }

    /// One more entry of a list.
    fn add(mut self, key: &'static str, separator: char, entry: &str) -> Self {
        match self.values.iter_mut().find(|(known, _)| *known == key) {
            Some((_, entries)) => {
                entries.push(separator);
                entries.push_str(entry);
                self
            }
            None => self.set(key, entry),
        }
    }

    /// Where the endpoint listens: an address (port 0: a free one), `unix:/path`, or `off`. An address given here that is
    /// taken is an error; the default one is waited for.
    pub fn listen(self, address: impl fmt::Display) -> Self {
        self.set("listen", address.to_string())
    }

    /// What state-changing requests, and on other than loopback addresses all requests, must bear as
    /// `Authorization: Bearer …`. Without it one is generated.
    pub fn token(self, token: impl Into<String>) -> Self {
        self.set("token", token)
    }

    /// Where a generated token is kept, mode 0600.
    pub fn token_file(self, path: impl Into<PathBuf>) -> Self {
        self.set("token_file", path.into().to_string_lossy())
    }

    /// Whether other than loopback addresses may be listened on without a token.
    pub fn allow_remote(self, allow: bool) -> Self {
        self.set("allow_remote", allow.to_string())
    }

    /// A further name by which the endpoint may be called, besides `localhost`, the machine's host
    /// name and every address; `*` in it stands for any text, and alone for any host.
    ///
    /// With `*` alone a web page can point its own name at the endpoint and read it, from every
    /// browser that reaches the endpoint: for endpoints that no browser reaches, or together with
    /// `guard("all")`.
    pub fn allow_host(self, host: impl fmt::Display) -> Self {
        self.add("allow_hosts", ',', &host.to_string())
    }

    /// Which reads must bear the token on loopback addresses and Unix sockets too: `captures`,
    /// `all` or `off`.
    ///
    /// Captures take time or change how the process runs: profiles, windows of `seconds`, symbols.
    /// Others fold what was recorded.
    pub fn guard(self, reads: impl Into<String>) -> Self {
        self.set("guard", reads)
    }

    /// Upper bounds of the classic buckets of each of the program's own histograms (`metrics`)
    /// whose name fits `pattern`, in which `*` stands for any text: 1 to 100, ascending from 0 on,
    /// in the unit of the histogram. Of several that fit, the last one holds.
    pub fn buckets(self, pattern: &str, bounds: &[f64]) -> Self {
        let rule = BucketRule { pattern: pattern.to_owned(), bounds: bounds.to_vec() }.to_string();
        self.add("buckets", ';', &rule)
    }

    /// Whether the table of functions is printed on stderr at exit.
    pub fn report(self, print: bool) -> Self {
        self.set("report", print.to_string())
    }

    /// Whether SIGINT and SIGTERM also end the profiler, with the report, before they end the
    /// program.
    ///
    /// One for which the program has a handler at the start, or which it ignores, is left alone,
    /// and so is one for which it installs a handler later. A second signal ends the program at
    /// once. On Linux only, and not in the first process of a container, whom such signals do not
    /// end.
    pub fn report_signals(self, listen: bool) -> Self {
        self.set("report_signals", listen.to_string())
    }

    /// Whether calls are recorded from the start on.
    pub fn enabled(self, on: bool) -> Self {
        self.set("enabled", on.to_string())
    }

    /// Measures one call in so many of each function whose `module::function` fits `pattern`, in which `*` stands for any
    /// text. All calls are counted. Of several that fit, the last one holds.
    pub fn sample(self, pattern: &str, rate: Rate) -> Self {
        self.add("sample", ',', &format!("{pattern}={rate}"))
    }

    /// What measuring may cost, as a percentage of the process's CPU time such as `0.5%`; `off`: every call is measured.
    pub fn budget(self, share: impl Into<String>) -> Self {
        self.set("budget", share)
    }

    /// What is done with functions that are called so often that counting alone takes more than the budget: `rest`, or `count`.
    pub fn hot(self, what: impl Into<String>) -> Self {
        self.set("hot", what)
    }

    /// What measuring may cost in a process that does little, as a percentage of one core such as `0.5%`. The
    /// budget is this or the share of the process's CPU time, whichever is more.
    pub fn budget_floor(self, share: impl Into<String>) -> Self {
        self.set("budget_floor", share)
    }

    /// What the profiler may hold, as a size such as `64MiB`.
    pub fn memory(self, size: impl Into<String>) -> Self {
        self.set("memory", size)
    }

    /// One allocation of the live heap in so many bytes is sampled, as a size that is a power of two such as `512KiB`; `off`: none is.
    pub fn heap(self, size: impl Into<String>) -> Self {
        self.set("heap", size)
    }

    /// How often what is held is looked at for leaks, such as `30s`; `off`: never.
    pub fn leak_window(self, window: impl Into<String>) -> Self {
        self.set("leak_window", window)
    }

    /// What lives longer is leaked, such as `1h`: 40 to 480 windows.
    pub fn leak_horizon(self, horizon: impl Into<String>) -> Self {
        self.set("leak_horizon", horizon)
    }

    /// Call paths that hold less that is old are not spoken of: a size such as `1MiB`.
    pub fn leak_floor(self, size: impl Into<String>) -> Self {
        self.set("leak_floor", size)
    }

    /// What the process may hold, for pressure and for the time until a leak reaches it: a size such as `2GiB`.
    pub fn memory_limit(self, size: impl Into<String>) -> Self {
        self.set("memory_limit", size)
    }

    /// When memory counts as short, as percentages of its limit such as `80%,95%`; `off`: never.
    pub fn pressure(self, thresholds: impl Into<String>) -> Self {
        self.set("pressure", thresholds)
    }

    /// `declared`: every cache is annotated with its bound, so that what keeps all it allocates leaks; `undeclared`: it may be a cache.
    pub fn leak_caches(self, caches: impl Into<String>) -> Self {
        self.set("leak_caches", caches)
    }

    /// Calls `f` with each finding whose verdict has become worse, on a thread of the profiler's: from `suspect` on, and for `retention`.
    ///
    /// A panic in it ends there. What it takes delays the next look.
    pub fn on_leak(mut self, f: impl Fn(&Finding) + Send + Sync + 'static) -> Self {
        self.on_leak = Some(OnLeak(Arc::new(f)));
        self
    }

    /// How threads are signalled for samples of their stacks: `auto`, `perf-clock`, `cpu-timer`, or with the feature `pprof` `pprof`; `off`: stacks are not sampled.
    pub fn stacks(self, engine: impl Into<String>) -> Self {
        self.set("stacks", engine)
    }

    /// Samples of stacks for each second of CPU time, at most 4,000; 0: only while a profile is being taken.
    pub fn stacks_hz(self, hz: u32) -> Self {
        self.set("stacks_hz", hz.to_string())
    }

    /// Forces a thread CPU clock: `perf-time`, `rseq`, `perf-seq` or `syscall`.
    pub fn cpu_clock(self, engine: impl Into<String>) -> Self {
        self.set("cpu_clock", engine)
    }

    /// Serves the metrics of a `metrics` recorder that the program has installed itself.
    #[cfg(feature = "metrics")]
    pub fn metrics_handle(mut self, handle: metrics_exporter_prometheus::PrometheusHandle) -> Self {
        self.metrics_handle = Some(MetricsHandle(handle));
        self
    }

    /// Code and environment together. An empty variable counts as not set.
    pub(crate) fn resolve(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Config, Error> {
        let read = Reader { builder: self, environment: &environment, named: RefCell::default() };
        let token = read.parse("token", |text| {
            let fits = (16..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
            fits.then(|| Secret::new(text))
        })?;
        let hosts = read.parse("allow_hosts", |text| {
            text.split(',').map(|host| values::host_name(host.trim())).collect::<Option<Vec<String>>>()
        })?;
        #[cfg(not(feature = "stacks"))]
        read.parse("stacks", values::stacks).and_then(|_| read.parse("stacks_hz", values::stacks_hz))?;
        #[cfg(not(feature = "push"))]
        read.no_push()?;
        let config = Config {
            listen: read.parse("listen", |text| text.parse().ok())?.unwrap_or(Listen::Default),
            token,
            token_file: read.parse("token_file", |text| Some(PathBuf::from(text)))?,
            allow_remote: read.parse("allow_remote", values::boolean)?.unwrap_or(false),
            allow_hosts: hosts.unwrap_or_default(),
            guard: read.parse("guard", |text| text.parse().ok())?.unwrap_or_default(),
            buckets: read.parse("buckets", buckets::rules)?.unwrap_or_default(),
            report: read.parse("report", values::boolean)?.unwrap_or(true),
            report_signals: read.parse("report_signals", values::boolean)?.unwrap_or(false),
            enabled: read.parse("enabled", values::boolean)?.unwrap_or(true),
            sample: read.parse("sample", values::rules)?.unwrap_or_default(),
            budget: read.budget()?,
            hot: read.parse("hot", values::hot)?.unwrap_or(Hot::Rest),
            memory_bytes: read.parse("memory", values::memory_bytes)?.unwrap_or(DEFAULT_LIMIT_BYTES),
            heap_bytes: read.parse("heap", values::heap_bytes)?.unwrap_or(DEFAULT_HEAP_BYTES),
            cpu_clock: read.parse("cpu_clock", |text| text.parse().ok())?,
            #[cfg(feature = "stacks")]
            stacks: read.stacks()?,
            leaks: read.leaks()?,
            #[cfg(feature = "push")]
            push: read.push()?,
            memory_limit_bytes: read.parse("memory_limit", values::memory_limit)?,
            pressure: read.parse("pressure", values::pressure)?.unwrap_or(DEFAULT_PRESSURE),
            named: read.named.into_inner(),
        };
        match config.listen {
            Listen::Tcp(address) if !address.ip().is_loopback() && config.token.is_none() && !config.allow_remote => {
                Err(Error::Unprotected { address })
            }
            _ => Ok(config),
        }
    }
}

pub(super) struct Reader<'a> {
    builder: &'a Builder,
    environment: &'a dyn Fn(&str) -> Option<String>,
    /// What was set.
    named: RefCell<Vec<&'static str>>,
}

impl Reader<'_> {
    /// `None`: every call is measured.
    fn budget(&self) -> Result<Option<Allowance>, Error> {
        let floor = self.parse("budget_floor", values::budget_floor)?.unwrap_or(DEFAULT_BUDGET_FLOOR);
        let share = self.parse("budget", values::budget)?.unwrap_or(Some(DEFAULT_BUDGET));
        Ok(share.map(|share| Allowance { share, floor }))
    }

    /// What leaks are judged by; `None`: nobody looks.
    fn leaks(&self) -> Result<Option<LeakSettings>, Error> {
        let window = self.parse("leak_window", |text| values::or_off(text, values::window))?.unwrap_or(Some(WINDOW));
        let floor_bytes = self.parse("leak_floor", values::size)?.unwrap_or(FLOOR_BYTES);
        let limit_bytes = self.parse("memory_limit", values::memory_limit)?;
        let caches_are_declared = self.parse("leak_caches", values::declared)?.unwrap_or(false);
        let fits = |horizon: &Duration| {
            let windows =
                window.map_or(LeakSettings::LEAST_HORIZON.into(), |window| horizon.as_millis() / window.as_millis());
            (u128::from(LeakSettings::LEAST_HORIZON)..=u128::from(LeakSettings::MOST_HORIZON)).contains(&windows)
        };
        let horizon = self.parse("leak_horizon", |text| values::duration(text).filter(fits))?;
        let Some(window) = window else { return Ok(None) };
        let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let horizon_ns = ns(horizon.unwrap_or(window * HORIZON_WINDOWS));
        Ok(Some(LeakSettings { window_ns: ns(window), horizon_ns, floor_bytes, caches_are_declared, limit_bytes }))
    }

    /// How stacks are sampled; `None`: they are not.
    #[cfg(feature = "stacks")]
    fn stacks(&self) -> Result<Option<crate::stacks::Rules>, Error> {
        let engine = self.parse("stacks", values::stacks)?.unwrap_or(Some(None));
        let hz = self.parse("stacks_hz", values::stacks_hz)?.unwrap_or(crate::stacks::USUAL_HZ);
        Ok(engine.map(|engine| crate::stacks::Rules { engine, hz }))
    }

    /// The value of `key`; an error if it is not allowed.
    pub(super) fn parse<T>(&self, key: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Error> {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else { return Ok(None) };
        let from_environment = (self.environment)(setting.variable).filter(|value| !value.is_empty());
        let from_code = || self.builder.values.iter().find(|(known, _)| *known == key).map(|(_, value)| value.clone());
        let (place, value) = match from_environment {
            Some(value) => (setting.variable.to_owned(), value),
            None => match from_code() {
                Some(value) => (format!("{key}()"), value),
                None => return Ok(None),
            },
        };
        match parse(value.trim()) {
            Some(parsed) => {
                self.named.borrow_mut().push(setting.key);
                Ok(Some(parsed))
            }
            None => {
                let value = if is_secret(key, &value) { "…".to_owned() } else { value };
                Err(Error::Setting { place, value, allowed: setting.allowed.to_owned() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(builder: &Builder, environment: &[(&str, &str)]) -> Result<Config, Error> {
        builder.resolve(|name| environment.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_environment_overrides_code_and_empty_is_unset() {
        let builder = Builder::default().listen("127.0.0.1:1").report(false);
        let config = resolve(&builder, &[("PERF_LISTEN", "unix:/tmp/x"), ("PERF_REPORT", "")]).unwrap();
        assert_eq!(config.listen, Listen::Unix("/tmp/x".into()));
        assert!(!config.report);
        assert_eq!(resolve(&Builder::default(), &[]).unwrap().listen, Listen::Default);
    }

    #[test]
    fn a_wrong_value_names_place_value_and_what_is_allowed() {
        for (variable, value) in [
            ("PERF_LISTEN", "localhost"),
            ("PERF_LISTEN", "unix:"),
            ("PERF_REPORT", "maybe"),
            ("PERF_ALLOW_REMOTE", "2"),
            ("PERF_ALLOW_HOSTS", "a b"),
            ("PERF_CPU_CLOCK", "sundial"),
            ("PERF_GUARD", "writes"),
            ("PERF_SAMPLE", "service::*"),
            ("PERF_BUCKETS", "http_*=0.5,0.1"),
            ("PERF_BUCKETS", "http_*"),
            ("PERF_BUDGET", "0%"),
            ("PERF_BUDGET", "1"),
            ("PERF_MEMORY", "64"),
            ("PERF_MEMORY", "1023KiB"),
            ("PERF_MEMORY", "99999999999GiB"),
            ("PERF_SAMPLE", "*=1/9,=always"),
            ("PERF_LEAK_WINDOW", "5"),
            ("PERF_LEAK_WINDOW", "1ms"),
            ("PERF_LEAK_HORIZON", "5min"),
            ("PERF_LEAK_HORIZON", "1000h"),
            ("PERF_LEAK_FLOOR", "-1MiB"),
            ("PERF_MEMORY_LIMIT", "0KiB"),
            ("PERF_LEAK_CACHES", "yes"),
            ("PERF_PRESSURE", "80%"),
            ("PERF_PRESSURE", "90%,80%"),
            ("PERF_PRESSURE", "0%,50%"),
            ("PERF_PUSH", "https://pyroscope.example"),
            ("PERF_PUSH", "pyroscope:4040"),
            ("PERF_PUSH_PROTOCOL", "grpc"),
            ("PERF_PUSH_INTERVAL", "999ms"),
            ("PERF_PUSH_INTERVAL", "61min"),
            ("PERF_PUSH_NAME", "a shop"),
            ("PERF_PUSH_LABELS", "env=prod,__name__=x"),
            ("PERF_PUSH_TENANT", "a/b"),
            ("PERF_PROFILES_KEEP", "0"),
            ("PERF_PROFILES_KEEP", "1KiB"),
        ] {
            let error = resolve(&Builder::default(), &[(variable, value)]).unwrap_err().to_string();
            let setting = SETTINGS.iter().find(|s| s.variable == variable).unwrap();
            assert!(error.contains(variable) && error.contains(value) && error.contains(setting.allowed), "{error}");
        }
        let error = resolve(&Builder::default().cpu_clock("sundial"), &[]).unwrap_err().to_string();
        assert!(error.contains("cpu_clock()") && error.contains("perf-seq"), "{error}");
    }

    #[test]
    fn debug_forms_show_no_tokens() {
        let builder = Builder::default().token("0123456789abcdef").push_token("fedcba987").push("http://a:b@host");
        let shown = format!("{builder:?}");
        assert!(shown.contains("push_token: \"…\"") && !shown.contains("0123") && !shown.contains("fedc"), "{shown}");
        assert!(!shown.contains("a:b"), "{shown}");
        let config = Builder::default().token("0123456789abcdef").resolve(|_| None).unwrap();
        let shown = format!("{config:?}");
        assert!(shown.contains("token: Some(…)") && !shown.contains("0123"), "{shown}");
    }

    #[test]
    fn a_bad_token_is_not_repeated() {
        for (variable, value) in [
            ("PERF_TOKEN", "short secret"),
            ("PERF_PUSH_TOKEN", "a secret"),
            ("PERF_PUSH", "http://me:secret@pyroscope:4040"),
        ] {
            let error = resolve(&Builder::default(), &[(variable, value)]).unwrap_err().to_string();
            assert!(error.contains(variable) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn other_machines_need_a_token_or_leave() {
        let remote = Builder::default().listen("0.0.0.0:0");
        assert!(matches!(resolve(&remote, &[]), Err(Error::Unprotected { .. })));
        assert!(resolve(&remote, &[("PERF_TOKEN", "0123456789abcdef")]).is_ok());
        assert!(resolve(&remote.clone().allow_remote(true), &[]).is_ok());
        assert!(resolve(&Builder::default().listen("[::1]:0"), &[]).is_ok());
    }

    #[test]
    fn what_was_set_is_known() {
        let config =
            resolve(&Builder::default().budget("1%"), &[("PERF_STACKS_HZ", "99"), ("PERF_PRESSURE", "")]).unwrap();
        assert_eq!(config.named(&["stacks", "stacks_hz"]), Some("stacks_hz"));
        assert_eq!((config.named(&["budget"]), config.named(&["pressure"])), (Some("budget"), None));
        // To have asked for what holds anyway is no other configuration.
        assert_eq!(config.difference(&resolve(&Builder::default(), &[]).unwrap()), None);
    }

    #[test]
    fn configurations_differ_by_key() {
        let a = resolve(&Builder::default(), &[]).unwrap();
        let b = resolve(&Builder::default().allow_host("Pod-1").allow_host("10.0.0.7:9464"), &[]).unwrap();
        assert_eq!(a.difference(&a), None);
        assert_eq!(a.difference(&b), Some(("allow_hosts", String::new(), "pod-1,10.0.0.7:9464".into())));
    }
}
