//! Settings: in code through the builder, overridden by the environment.

mod buckets;
mod builder;
mod delivery;
mod guard;
mod listen;
#[cfg(feature = "metrics")]
mod metrics_handle;
mod misspelt;
mod values;

pub(crate) use buckets::BucketRule;
pub use builder::Builder;
pub(crate) use guard::Guard;
#[cfg(feature = "serve")]
pub(crate) use listen::DEFAULT_ADDRESS;
pub(crate) use listen::Listen;
#[cfg(feature = "metrics")]
pub(crate) use metrics_handle::MetricsHandle;
pub(crate) use misspelt::warnings as misspelt_variables;

use std::path::PathBuf;

use crate::clock::Engine;
use crate::error::Error;
use crate::leak::LeakSettings;
use crate::record::{Allowance, Rule};
use crate::scope::Hot;
use crate::secret::Secret;
use crate::settings::SETTINGS;

/// Settings as they hold: code and environment together, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    pub(crate) listen: Listen,
    pub(crate) token: Option<Secret>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) allow_remote: bool,
    pub(crate) allow_hosts: Vec<String>,
    pub(crate) guard: Guard,
    /// Of the user's own histograms.
    pub(crate) buckets: Vec<BucketRule>,
    pub(crate) report: bool,
    pub(crate) report_signals: bool,
    pub(crate) enabled: bool,
    pub(crate) sample: Vec<Rule>,
    /// `None`: every call is measured.
    pub(crate) budget: Option<Allowance>,
    pub(crate) hot: Hot,
    pub(crate) memory_bytes: u64,
    /// Bytes from one sample of the live heap to the next; `None`: it is not sampled.
    pub(crate) heap_bytes: Option<u64>,
    /// How stacks are sampled; `None`: they are not.
    #[cfg(feature = "stacks")]
    pub(crate) stacks: Option<crate::stacks::Rules>,
    pub(crate) cpu_clock: Option<Engine>,
    /// What the process may hold, if the program says so.
    pub(crate) memory_limit_bytes: Option<u64>,
    /// When memory is short, as shares of its limit; `None`: never.
    pub(crate) pressure: Option<(f64, f64)>,
    /// `None`: nobody looks for leaks.
    pub(crate) leaks: Option<LeakSettings>,
    /// Where profiles go that nobody asks for; `None`: nowhere.
    #[cfg(feature = "push")]
    pub(crate) push: Option<crate::push::Plan>,
    /// The settings that were made, in code or by the environment: what was asked for by name is an
    /// error where it cannot be had, and otherwise left out.
    pub(crate) named: Vec<&'static str>,
}

/// What `PERF_HEAP` may be, given while the program runs.
pub(crate) fn heap_bytes(text: &str) -> Result<Option<u64>, Error> {
    values::heap_bytes(text.trim()).ok_or_else(|| {
        let setting = SETTINGS.iter().find(|setting| setting.key == "heap");
        let allowed = setting.map_or_else(String::new, |setting| setting.allowed.to_owned());
        Error::Setting { place: "heap".to_owned(), value: text.to_owned(), allowed }
    })
}

impl Config {
    /// The first of `keys` that was set.
    pub(crate) fn named(&self, keys: &[&str]) -> Option<&'static str> {
        self.named.iter().copied().find(|named| keys.contains(named))
    }

    /// The first setting in which two configurations differ: key, value here, value there. Tokens are not shown.
    pub(crate) fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let hidden = |token: &Option<Secret>| String::from(if token.is_some() { "a token" } else { "none" });
        let shown = |path: &Option<PathBuf>| path.as_ref().map_or("default".into(), |p| p.display().to_string());
        let rules = |rules: &[Rule]| rules.iter().map(Rule::to_string).collect::<Vec<_>>().join(",");
        let buckets = |rules: &[BucketRule]| rules.iter().map(BucketRule::to_string).collect::<Vec<_>>().join(";");
        let budget = |budget: Option<Allowance>| {
            let shown = |allowed: Allowance| format!("{}%, {}%", allowed.share * 100.0, allowed.floor * 100.0);
            budget.map_or("off".to_owned(), shown)
        };
        let bytes = |bytes: Option<u64>| bytes.map_or("off".to_owned(), |bytes| format!("{bytes} bytes"));
        let pressure = |shares: Option<(f64, f64)>| {
            shares.map_or("off".to_owned(), |(high, critical)| format!("{}%,{}%", high * 100.0, critical * 100.0))
        };
        let leaks = |leaks: &Option<LeakSettings>| leaks.map_or("off".to_owned(), |rules| format!("{rules:?}"));
        #[cfg(feature = "stacks")]
        let [stacks, other_stacks] =
            [self, other].map(|config| config.stacks.map_or("off".to_owned(), |rules| format!("{rules:?}")));
        #[cfg(not(feature = "stacks"))]
        let [stacks, other_stacks] = [String::new(), String::new()];
        #[cfg(feature = "push")]
        let [push, other_push] =
            [self, other].map(|config| config.push.as_ref().map_or("off".to_owned(), |plan| format!("{plan:?}")));
        #[cfg(feature = "push")]
        let pushes_otherwise = self.push != other.push;
        #[cfg(not(feature = "push"))]
        let ([push, other_push], pushes_otherwise) = ([String::new(), String::new()], false);
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
            ("guard", self.guard != other.guard, self.guard.to_string(), other.guard.to_string()),
            ("buckets", self.buckets != other.buckets, buckets(&self.buckets), buckets(&other.buckets)),
            ("report", self.report != other.report, self.report.to_string(), other.report.to_string()),
            (
                "report_signals",
                self.report_signals != other.report_signals,
                self.report_signals.to_string(),
                other.report_signals.to_string(),
            ),
            ("enabled", self.enabled != other.enabled, self.enabled.to_string(), other.enabled.to_string()),
            ("sample", self.sample != other.sample, rules(&self.sample), rules(&other.sample)),
            (
                "hot",
                self.hot != other.hot,
                format!("{:?}", self.hot).to_lowercase(),
                format!("{:?}", other.hot).to_lowercase(),
            ),
            ("budget and budget_floor", self.budget != other.budget, budget(self.budget), budget(other.budget)),
            (
                "memory",
                self.memory_bytes != other.memory_bytes,
                format!("{} bytes", self.memory_bytes),
                format!("{} bytes", other.memory_bytes),
            ),
            ("heap", self.heap_bytes != other.heap_bytes, bytes(self.heap_bytes), bytes(other.heap_bytes)),
            (
                "memory_limit",
                self.memory_limit_bytes != other.memory_limit_bytes,
                bytes(self.memory_limit_bytes),
                bytes(other.memory_limit_bytes),
            ),
            ("pressure", self.pressure != other.pressure, pressure(self.pressure), pressure(other.pressure)),
            ("leak_window and others of leaks", self.leaks != other.leaks, leaks(&self.leaks), leaks(&other.leaks)),
            ("stacks and stacks_hz", stacks != other_stacks, stacks, other_stacks),
            ("push, profiles and others of theirs", pushes_otherwise, push, other_push),
            ("cpu_clock", self.cpu_clock != other.cpu_clock, clock(&self.cpu_clock), clock(&other.cpu_clock)),
        ]
        .into_iter()
        .find(|(_, differs, _, _)| *differs)
        .map(|(key, _, here, there)| (key, here, there))
    }
}
