//! Resolves settings from code, a file and the environment.

use super::builder::Builder;
use super::checks::LEAK_WINDOWS;
use super::given::{Given, Settings};
use super::reader::{Reader, not_allowed};
use super::setting::{SETTINGS, Setting};
#[cfg(feature = "toml")]
use super::value::Entry;
use super::values::{CpuClock, Listen};
use crate::error::Error;

impl Builder {
    /// Combines code, file and environment.
    pub(crate) fn resolve(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Settings, Error> {
        #[cfg(feature = "toml")]
        let lines = match self.file(&environment) {
            Some(path) => super::file::read(&path)?,
            None => Vec::new(),
        };
        let environment = |setting: &'static Setting| {
            let said = environment(setting.variable).filter(|text| !text.is_empty());
            let said = said.map(|text| (setting.variable.to_owned(), text));
            #[cfg(feature = "toml")]
            let said = said.or_else(|| {
                let line = lines.iter().find(|line| line.key == setting.key)?;
                Some((line.place.clone(), line.text.clone()))
            });
            said
        };
        let mut reader = Reader { environment: &environment, made: Vec::new() };
        let mut settings = self.given().read(&mut reader)?;
        settings.check()?;
        settings.complete();
        Ok(settings)
    }

    /// The path of the settings file, if there is one.
    #[cfg(feature = "toml")]
    fn file(&self, environment: impl Fn(&str) -> Option<String>) -> Option<std::path::PathBuf> {
        let setting = SETTINGS.iter().find(|setting| setting.key == "config")?;
        let named = environment(setting.variable).filter(|text| !text.is_empty());
        let given = || match &self.given().config {
            Some(Entry::Value(path)) => Some(path.clone()),
            _ => None,
        };
        named.map(|text| text.trim().into()).or_else(given)
    }
}

/// The text of an environment variable.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|text| text.to_string_lossy().into_owned())
}

/// For the first call in a process in which the profiler was not started.
pub(crate) fn cpu_clock_of_environment() -> Result<Option<CpuClock>, Error> {
    let environment = |setting: &'static Setting| {
        let said = || variable(setting.variable).filter(|text| !text.is_empty());
        let text = if setting.key == "cpu_clock" { said() } else { None };
        text.map(|text| (setting.variable.to_owned(), text))
    };
    let settings = Given::default().read(&mut Reader { environment: &environment, made: Vec::new() })?;
    Ok(settings.cpu_clock)
}

impl Settings {
    /// Keys of those that can be changed while the profiler runs.
    pub(crate) fn changing() -> impl Iterator<Item = &'static str> {
        SETTINGS.iter().filter(|setting| setting.changes).map(|setting| setting.key)
    }

    /// One setting that is changed while the profiler runs, by its text; all others as if nothing
    /// was said.
    pub(crate) fn changed(key: &str, text: &str) -> Result<Self, Error> {
        let may_change = |setting: &&Setting| setting.changes && setting.key == key;
        let Some(setting) = SETTINGS.iter().find(may_change) else {
            let keys: Vec<&str> = Self::changing().collect();
            let allowed = format!("while the profiler runs: {}", keys.join(", "));
            return Err(Error::Setting { place: "the setting to change".to_owned(), value: key.to_owned(), allowed });
        };
        let environment =
            |asked: &'static Setting| (asked.key == setting.key).then(|| (setting.key.to_owned(), text.to_owned()));
        if text.is_empty() {
            return Err(not_allowed(setting, setting.key.to_owned(), String::new()));
        }
        Given::default().read(&mut Reader { environment: &environment, made: Vec::new() })
    }

    /// The first of `keys` that was made.
    pub(crate) fn named(&self, keys: &[&str]) -> Option<&'static str> {
        self.made.iter().map(|made| made.key).find(|made| keys.contains(made))
    }

    /// Where a setting was made. Its key if it was not.
    pub(crate) fn place_of<'a>(&'a self, key: &'a str) -> &'a str {
        self.made.iter().find(|made| made.key == key).map_or(key, |made| &made.place)
    }

    /// Whether a setting has no effect, either by itself or because the feature to which it belongs
    /// is off.
    pub(super) fn is_idle(&self, key: &str) -> bool {
        match key {
            "config" => true,
            "push_interval" => self.push.is_none() && self.profiles.is_none(),
            "otlp_interval" | "otlp_temporality" | "otlp_attributes" | "otlp_headers" | "otlp_profiles" => {
                self.otlp.is_none()
            }
            "push_name" => self.push.is_none() && self.profiles.is_none() && self.otlp.is_none() && !self.tells(),
            "push_labels" => self.push.is_none() && !self.tells(),
            "push_protocol" | "push_token" | "push_tenant" => self.push.is_none(),
            "profiles_keep" => self.profiles.is_none(),
            "leak_horizon" | "leak_floor" | "leak_caches" => self.leak_window.is_none(),
            "stacks_hz" => self.stacks.is_none(),
            "budget_floor" => self.budget.is_none(),
            "targets_exit" => self.targets.is_none(),
            "targets_baseline" => self.targets.is_none() && self.alerts.is_none(),
            _ => false,
        }
    }

    /// Whether somebody is told of alerts.
    fn tells(&self) -> bool {
        self.alert_webhook.is_some() || self.alertmanager.is_some()
    }

    /// Sets defaults that depend on other settings.
    fn complete(&mut self) {
        /// The default horizon of the leak detector.
        const HORIZON_WINDOWS: u32 = 120;
        if let Some(window) = self.leak_window {
            self.leak_horizon.get_or_insert(window * HORIZON_WINDOWS);
        }
    }

    /// Checks restrictions that involve several settings.
    fn check(&self) -> Result<(), Error> {
        if let (Some(horizon), Some(window)) = (self.leak_horizon, self.leak_window) {
            let windows = horizon.as_millis() / window.as_millis().max(1);
            let fits = (u128::from(*LEAK_WINDOWS.start())..=u128::from(*LEAK_WINDOWS.end())).contains(&windows);
            let made = self.made.iter().find(|made| made.key == "leak_horizon").filter(|_| !fits);
            if let Some((made, setting)) = made.zip(SETTINGS.iter().find(|setting| setting.key == "leak_horizon")) {
                return Err(not_allowed(setting, made.place.clone(), made.text.clone()));
            }
        }
        match self.listen {
            Listen::Tcp(address) if !address.ip().is_loopback() && self.token.is_none() && !self.allow_remote => {
                Err(Error::Unprotected { address })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::checks::is_stack_engine;
    use crate::settings::value::Value as _;
    use crate::settings::values::StackEngine;

    fn resolve(builder: &Builder, environment: &[(&str, &str)]) -> Result<Settings, Error> {
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

    #[cfg(feature = "toml")]
    #[test]
    fn a_file_overrides_code_and_the_environment_overrides_both() {
        let path = std::env::temp_dir().join(format!("perf-sdk-settings-{}.toml", std::process::id()));
        std::fs::write(&path, "budget = \"2%\"\nstacks_hz = 50\nhot = \"count\"\nmemory = \"64\"\n").unwrap();
        let builder = Builder::default().config(&path).stacks_hz(10).budget("3%").memory("32MiB");
        let error = resolve(&builder, &[]).unwrap_err().to_string();
        assert!(error.contains(&format!("{}:4:", path.display())) && error.contains("64"), "{error}");
        let settings = resolve(&builder, &[("PERF_MEMORY", "16MiB"), ("PERF_HOT", "rest")]).unwrap();
        assert_eq!((settings.budget.unwrap().as_percent(), settings.stacks_hz), (2.0, 50));
        assert_eq!((settings.memory.as_bytes(), settings.hot), (16 << 20, crate::settings::HotFunctions::Rest));
        // The same settings, made in code, are the same configuration.
        let in_code = Builder::default().stacks_hz(50).budget("2%").memory("16MiB");
        assert_eq!(settings.difference(&resolve(&in_code, &[]).unwrap()), None);
        // The variable takes precedence over the method.
        std::fs::remove_file(&path).unwrap();
        let missing = resolve(&builder, &[("PERF_CONFIG", "/no/such/file")]).unwrap_err().to_string();
        assert!(missing.contains("/no/such/file") && missing.contains("PERF_CONFIG"), "{missing}");
    }

    #[test]
    fn changes_at_run_time_are_checked_in_the_same_way() {
        let heap = Settings::changed("heap", "2MiB").map(|settings| settings.heap);
        match cfg!(feature = "heap") {
            true => assert_eq!(heap.unwrap(), Some("2MiB".parse().unwrap())),
            false => assert!(heap.unwrap_err().to_string().contains("without the feature heap only off")),
        }
        assert!(!Settings::changed("enabled", "off").unwrap().enabled);
        for (key, text, named) in [("heap", "3MiB", "power of two"), ("heap", "", "heap"), ("listen", "off", "sample")]
        {
            let error = Settings::changed(key, text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
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
    fn remote_addresses_need_a_token_or_permission() {
        let remote = Builder::default().listen("0.0.0.0:0");
        assert!(matches!(resolve(&remote, &[]), Err(Error::Unprotected { .. })));
        assert!(resolve(&remote, &[("PERF_TOKEN", "0123456789abcdef")]).is_ok());
        assert!(resolve(&remote.clone().allow_remote(true), &[]).is_ok());
        assert!(resolve(&Builder::default().listen("[::1]:0"), &[]).is_ok());
    }

    #[test]
    fn explicitly_made_settings_are_known() {
        let config =
            resolve(&Builder::default().budget("1%"), &[("PERF_STACKS_HZ", "99"), ("PERF_PRESSURE", "")]).unwrap();
        assert_eq!(config.named(&["stacks", "stacks_hz"]), Some("stacks_hz"));
        assert_eq!((config.named(&["budget"]), config.named(&["pressure"])), (Some("budget"), None));
        // Making a setting with its default value is not a different configuration.
        let default = resolve(&Builder::default(), &[]).unwrap();
        assert_eq!(config.difference(&default), None);
        let same = resolve(&Builder::default().leak_horizon("1h"), &[("PERF_LEAK_WINDOW", "30s")]).unwrap();
        assert_eq!(same.difference(&default), None);
        // Neither are settings of a feature that is off.
        let off = |builder: Builder| {
            resolve(&builder.leak_window("off").stacks("off").budget("off").push("off"), &[]).unwrap()
        };
        let idle = Builder::default().push_interval("1min").leak_floor("2MiB").stacks_hz(7).budget_floor("2%");
        assert_eq!(off(Builder::default()).difference(&off(idle.clone())), None);
        assert_eq!(default.difference(&resolve(&idle, &[]).unwrap()).map(|(key, ..)| key), Some("budget_floor"));
        let other = resolve(&Builder::default().leak_horizon("30min"), &[]).unwrap();
        assert_eq!(other.difference(&default).map(|(key, ..)| key), Some("leak_horizon"));
    }

    #[test]
    fn configurations_differ_by_key() {
        let a = resolve(&Builder::default(), &[]).unwrap();
        let b = resolve(&Builder::default().allow_host("Pod-1").allow_host("10.0.0.7:9464"), &[]).unwrap();
        assert_eq!(a.difference(&a), None);
        assert_eq!(a.difference(&b), Some(("allow_hosts", String::new(), "pod-1,10.0.0.7:9464".into())));
    }

    #[test]
    fn the_pprof_crate_is_allowed_only_with_its_feature() {
        let read = |text: &str| Option::<StackEngine>::parse(text).filter(is_stack_engine);
        assert_eq!(read("pprof").is_some(), cfg!(feature = "pprof"));
        assert_eq!(read("cpu-timer").is_some(), cfg!(feature = "stacks"));
        assert!(read("perf").is_none() && read("auto") == Some(Some(StackEngine::Auto)) && read("off") == Some(None));
    }

    #[test]
    fn keys_and_variables_are_unique() {
        let all = |part: fn(&crate::settings::Setting) -> &str| {
            SETTINGS.iter().map(part).collect::<std::collections::HashSet<_>>().len()
        };
        assert_eq!((all(|setting| setting.key), all(|setting| setting.variable)), (SETTINGS.len(), SETTINGS.len()));
    }

    /// The defaults in the table are the actual defaults.
    #[test]
    fn defaults_are_what_the_table_says() {
        let defaults = Builder::default().resolve(|_| None).unwrap();
        for setting in SETTINGS {
            let is_text = !matches!(
                setting.key,
                // These defaults are descriptions: they depend on the machine, or are a file that
                // is created.
                "config"
                    | "token"
                    | "token_file"
                    | "findings_accepted"
                    | "snapshot_file"
                    | "evidence"
                    | "evidence_signal"
                    | "allow_hosts"
                    | "buckets"
                    | "sample"
                    | "roots"
                    | "leak_horizon"
                    | "memory_limit"
                    | "push_name"
                    | "push_labels"
                    | "push_token"
                    | "push_tenant"
                    | "otlp_attributes"
                    | "otlp_headers"
                    | "cpu_clock"
            );
            let needs = |key: &str, feature: bool| setting.key != key || feature;
            let is_there = needs("heap", cfg!(feature = "heap")) && needs("pressure", cfg!(feature = "pool"));
            // The default address is waited for only if it is not made explicitly.
            if is_text && is_there && setting.key != "listen" {
                // The default as a text must be the same as no setting.
                let said = Builder::default()
                    .resolve(|variable| (variable == setting.variable).then(|| setting.default.to_owned()));
                let difference = said.unwrap().difference(&defaults);
                assert!(difference.is_none(), "{}: {difference:?}", setting.key);
            }
        }
        assert_eq!(defaults.memory.as_bytes(), crate::base::footprint::DEFAULT_LIMIT_BYTES);
    }
}
