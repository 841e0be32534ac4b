//! Settings: in code through the builder, overridden by the environment.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::clock::Engine;
use crate::error::Error;
use crate::rate::Rate;
use crate::record::{DEFAULT_LIMIT_BYTES, Rule};
use crate::settings::SETTINGS;

/// Where the endpoint listens when nothing else is said.
pub(crate) const DEFAULT_ADDRESS: &str = "127.0.0.1:9464";

/// What measuring may cost when nothing else is said, as a share of the process's CPU time.
const DEFAULT_BUDGET: f64 = 0.01;

/// Where the endpoint listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// The default address; when it is taken, serving waits for it.
    Default,
    /// This address, or an error.
    Tcp(SocketAddr),
    /// This Unix socket, or an error.
    Unix(PathBuf),
    /// Nowhere.
    Off,
}

impl FromStr for Listen {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "off" => Ok(Self::Off),
            _ => match text.strip_prefix("unix:") {
                Some("") => Err(()),
                Some(path) if cfg!(unix) => Ok(Self::Unix(path.into())),
                Some(_) => Err(()),
                None => text.parse().map(Self::Tcp).map_err(|_| ()),
            },
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str(DEFAULT_ADDRESS),
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Off => f.write_str("off"),
        }
    }
}

/// What may be between two samples of the live heap.
const HEAP_BYTES: std::ops::RangeInclusive<u64> = 1 << 12..=1 << 30;
const DEFAULT_HEAP_BYTES: Option<u64> = if cfg!(feature = "heap") { Some(512 << 10) } else { None };

/// Settings as they hold: code and environment together, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    pub(crate) listen: Listen,
    pub(crate) token: Option<String>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) allow_remote: bool,
    pub(crate) allow_hosts: Vec<String>,
    pub(crate) report: bool,
    pub(crate) enabled: bool,
    pub(crate) sample: Vec<Rule>,
    /// A share; `None`: every call is measured.
    pub(crate) budget: Option<f64>,
    pub(crate) memory_bytes: u64,
    /// Bytes from one sample of the live heap to the next; `None`: it is not sampled.
    pub(crate) heap_bytes: Option<u64>,
    pub(crate) cpu_clock: Option<Engine>,
}

impl Config {
    /// The first setting in which two configurations differ: key, value here, value there. Tokens are not shown.
    pub(crate) fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let hidden = |token: &Option<String>| String::from(if token.is_some() { "a token" } else { "none" });
        let shown = |path: &Option<PathBuf>| path.as_ref().map_or("default".into(), |p| p.display().to_string());
        let rules = |rules: &[Rule]| rules.iter().map(Rule::to_string).collect::<Vec<_>>().join(",");
        let share = |share: Option<f64>| share.map_or("off".to_owned(), |share| format!("{}%", share * 100.0));
        let bytes = |bytes: Option<u64>| bytes.map_or("off".to_owned(), |bytes| format!("{bytes} bytes"));
        let clock = |clock: &Option<Engine>| clock.map_or("default".into(), |clock| clock.to_string());
        [
            ("listen", self.listen != other.listen, self.listen.to_string(), other.listen.to_string()),
            ("token", self.token != other.token, hidden(&self.token), hidden(&other.token)),
            ("token_file", self.token_file != other.token_file, shown(&self.token_file), shown(&other.token_file)),
            (
                "allow_remote",
                self.allow_remote != other.allow_remote,
                self.allow_remote.to_string(),
                other.allow_remote.to_string(),
            ),
            (
                "allow_hosts",
                self.allow_hosts != other.allow_hosts,
                self.allow_hosts.join(","),
                other.allow_hosts.join(","),
            ),
            ("report", self.report != other.report, self.report.to_string(), other.report.to_string()),
            ("enabled", self.enabled != other.enabled, self.enabled.to_string(), other.enabled.to_string()),
            ("sample", self.sample != other.sample, rules(&self.sample), rules(&other.sample)),
            ("budget", self.budget != other.budget, share(self.budget), share(other.budget)),
            (
                "memory",
                self.memory_bytes != other.memory_bytes,
                format!("{} bytes", self.memory_bytes),
                format!("{} bytes", other.memory_bytes),
            ),
            ("heap", self.heap_bytes != other.heap_bytes, bytes(self.heap_bytes), bytes(other.heap_bytes)),
            ("cpu_clock", self.cpu_clock != other.cpu_clock, clock(&self.cpu_clock), clock(&other.cpu_clock)),
        ]
        .into_iter()
        .find(|(_, differs, _, _)| *differs)
        .map(|(key, _, here, there)| (key, here, there))
    }
}

/// Settings made in code: see [`SETTINGS`] for each one's meaning and default. The environment overrides them.
#[derive(Clone, Debug, Default)]
#[must_use = "call start() to start the profiler"]
pub struct Builder {
    values: Vec<(&'static str, String)>,
    #[cfg(feature = "metrics")]
    pub(crate) metrics_handle: Option<MetricsHandle>,
}

/// A recorder that the program installed itself.
#[cfg(feature = "metrics")]
#[derive(Clone)]
pub(crate) struct MetricsHandle(pub(crate) metrics_exporter_prometheus::PrometheusHandle);

#[cfg(feature = "metrics")]
impl fmt::Debug for MetricsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsHandle")
    }
}

impl Builder {
    fn set(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.values.retain(|(known, _)| *known != key);
        self.values.push((key, value.into()));
        self
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

    /// A further name by which the endpoint may be called, besides loopback's and the listening address.
    pub fn allow_host(mut self, host: impl fmt::Display) -> Self {
        let host = host.to_string();
        match self.values.iter_mut().find(|(key, _)| *key == "allow_hosts") {
            Some((_, hosts)) => {
                hosts.push(',');
                hosts.push_str(&host);
                self
            }
            None => self.set("allow_hosts", host),
        }
    }

    /// Whether the table of functions is printed on stderr at exit.
    pub fn report(self, print: bool) -> Self {
        self.set("report", print.to_string())
    }

    /// Whether calls are recorded from the start on.
    pub fn enabled(self, on: bool) -> Self {
        self.set("enabled", on.to_string())
    }

    /// Measures one call in so many of each function whose `module::function` fits `pattern`, in which `*` stands for any
    /// text. All calls are counted. Of several that fit, the last one holds.
    pub fn sample(mut self, pattern: &str, rate: Rate) -> Self {
        let rule = format!("{pattern}={rate}");
        match self.values.iter_mut().find(|(key, _)| *key == "sample") {
            Some((_, rules)) => {
                rules.push(',');
                rules.push_str(&rule);
                self
            }
            None => self.set("sample", rule),
        }
    }

    /// What measuring may cost, as a percentage of the process's CPU time such as `0.5%`; `off`: every call is measured.
    pub fn budget(self, share: impl Into<String>) -> Self {
        self.set("budget", share)
    }

    /// What the recorder may hold, as a size such as `64MiB`.
    pub fn memory(self, size: impl Into<String>) -> Self {
        self.set("memory", size)
    }

    /// One allocation of the live heap in so many bytes is sampled, as a size that is a power of two such as `512KiB`; `off`: none is.
    pub fn heap(self, size: impl Into<String>) -> Self {
        self.set("heap", size)
    }

    /// Forces a thread CPU clock: `perf-time`, `perf-seq`, `rseq` or `syscall`.
    pub fn cpu_clock(self, engine: impl Into<String>) -> Self {
        self.set("cpu_clock", engine)
    }

    /// Serves the metrics of a `metrics` recorder that the program has installed itself.
    #[cfg(feature = "metrics")]
    pub fn metrics_handle(mut self, handle: metrics_exporter_prometheus::PrometheusHandle) -> Self {
        self.metrics_handle = Some(MetricsHandle(handle));
        self
    }

    /// Starts the profiler's endpoint.
    ///
    /// A second start with equal settings gives another handle of the same.
    ///
    /// # Errors
    /// A value that is not allowed, an explicit address that is taken or unprotected, a second start with other settings.
    pub fn start(self) -> Result<crate::Handle, Error> {
        let config = self.resolve(|variable| std::env::var_os(variable).map(|v| v.to_string_lossy().into_owned()))?;
        crate::handle::start(config, self)
    }

    /// Code and environment together. An empty variable counts as not set.
    pub(crate) fn resolve(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Config, Error> {
        let read = Reader { builder: self, environment: &environment };
        let token = read.parse("token", |text| {
            let fits = (16..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
            fits.then(|| text.to_owned())
        })?;
        let hosts = read.parse("allow_hosts", |text| {
            text.split(',').map(|host| host_name(host.trim())).collect::<Option<Vec<String>>>()
        })?;
        let config = Config {
            listen: read.parse("listen", |text| text.parse().ok())?.unwrap_or(Listen::Default),
            token,
            token_file: read.parse("token_file", |text| Some(PathBuf::from(text)))?,
            allow_remote: read.parse("allow_remote", boolean)?.unwrap_or(false),
            allow_hosts: hosts.unwrap_or_default(),
            report: read.parse("report", boolean)?.unwrap_or(true),
            enabled: read.parse("enabled", boolean)?.unwrap_or(true),
            sample: read.parse("sample", rules)?.unwrap_or_default(),
            budget: read.parse("budget", budget)?.unwrap_or(Some(DEFAULT_BUDGET)),
            memory_bytes: read.parse("memory", memory_bytes)?.unwrap_or(DEFAULT_LIMIT_BYTES),
            heap_bytes: read.parse("heap", heap_bytes)?.unwrap_or(DEFAULT_HEAP_BYTES),
            cpu_clock: read.parse("cpu_clock", |text| text.parse().ok())?,
        };
        match config.listen {
            Listen::Tcp(address) if !address.ip().is_loopback() && config.token.is_none() && !config.allow_remote => {
                Err(Error::Unprotected { address })
            }
            _ => Ok(config),
        }
    }
}

struct Reader<'a> {
    builder: &'a Builder,
    environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Reader<'_> {
    /// The value of `key`; an error if it is not allowed.
    fn parse<T>(&self, key: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Error> {
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
            Some(parsed) => Ok(Some(parsed)),
            None => {
                let value = if key == "token" { "…".to_owned() } else { value };
                Err(Error::Setting { place, value, allowed: setting.allowed.to_owned() })
            }
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

fn budget(text: &str) -> Option<Option<f64>> {
    if text == "off" {
        return Some(None);
    }
    let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    (percent > 0.0 && percent <= 100.0).then_some(Some(percent / 100.0))
}

fn memory_bytes(text: &str) -> Option<u64> {
    size(text).filter(|bytes| *bytes >= 1 << 20)
}

fn heap_bytes(text: &str) -> Option<Option<u64>> {
    if text == "off" {
        return Some(None);
    }
    let fits = |bytes: &u64| cfg!(feature = "heap") && bytes.is_power_of_two() && HEAP_BYTES.contains(bytes);
    size(text).filter(fits).map(Some)
}

fn size(text: &str) -> Option<u64> {
    const UNITS: [(&str, u32); 3] = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let (number, shift) = UNITS.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))?;
    number.trim().parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn rules(text: &str) -> Option<Vec<Rule>> {
    text.split(',').map(|rule| rule.trim().parse().ok()).collect()
}

fn host_name(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:[]".contains(&b));
    fits.then(|| text.to_ascii_lowercase())
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
            ("PERF_SAMPLE", "service::*"),
            ("PERF_BUDGET", "0%"),
            ("PERF_BUDGET", "1"),
            ("PERF_MEMORY", "64"),
            ("PERF_MEMORY", "1023KiB"),
            ("PERF_MEMORY", "99999999999GiB"),
            ("PERF_SAMPLE", "*=1/9,=always"),
        ] {
            let error = resolve(&Builder::default(), &[(variable, value)]).unwrap_err().to_string();
            let setting = SETTINGS.iter().find(|s| s.variable == variable).unwrap();
            assert!(error.contains(variable) && error.contains(value) && error.contains(setting.allowed), "{error}");
        }
        let error = resolve(&Builder::default().cpu_clock("sundial"), &[]).unwrap_err().to_string();
        assert!(error.contains("cpu_clock()") && error.contains("perf-seq"), "{error}");
    }

    #[test]
    fn a_bad_token_is_not_repeated() {
        let error = resolve(&Builder::default(), &[("PERF_TOKEN", "short secret")]).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
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
    fn configurations_differ_by_key() {
        let a = resolve(&Builder::default(), &[]).unwrap();
        let b = resolve(&Builder::default().allow_host("Pod-1").allow_host("10.0.0.7:9464"), &[]).unwrap();
        assert_eq!(a.difference(&a), None);
        assert_eq!(a.difference(&b), Some(("allow_hosts", String::new(), "pod-1,10.0.0.7:9464".into())));
    }
}
