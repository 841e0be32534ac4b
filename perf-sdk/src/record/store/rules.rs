//! The user's sampling rates, by pattern.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::thread;

use super::empty_call;
use crate::base::fork::Lock;
use crate::base::pattern::matches;
use crate::memory;
use crate::rate::Rate;
use crate::scope::Site;

/// A rate for the sites whose `module::function` matches a pattern, in which `*` stands for any
/// text. `None` restores the rate of the attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) pattern: String,
    pub(crate) rate: Option<Rate>,
    /// It says nothing of the rate: the sites are roots.
    pub(crate) is_root: bool,
}

impl Rule {
    pub(crate) fn rate(pattern: String, rate: Option<Rate>) -> Self {
        Self { pattern, rate, is_root: false }
    }
}

impl FromStr for Rule {
    type Err = ();

    /// Parses `pattern=rate`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (pattern, rate) = text.rsplit_once('=').ok_or(())?;
        let pattern = pattern.trim();
        if pattern.is_empty() {
            return Err(());
        }
        Ok(Self::rate(pattern.to_owned(), Some(rate.parse().map_err(drop)?)))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rate {
            Some(rate) => write!(f, "{}={rate}", self.pattern),
            None => write!(f, "{}=default", self.pattern),
        }
    }
}

/// A later rule takes precedence over an earlier one.
static RULES: Lock<Rules> = Lock::new(None);
/// Attempts to read the rules.
const TRIES: u32 = 1_000;
/// Whether there are any rules, so that they need not be read in vain.
static ANY: AtomicBool = AtomicBool::new(false);

/// All rules.
pub(in crate::record) type Rules = Option<Arc<Set>>;

#[derive(Clone, Debug, Default)]
pub(in crate::record) struct Set {
    /// The user's, the latest last.
    pub(in crate::record) user: Vec<Rule>,
    /// Those of alerts, by the name of a function. They take precedence.
    pub(in crate::record) alerts: BTreeMap<String, Rate>,
}

impl Set {
    /// Whether any rule is for a site.
    pub(in crate::record) fn has(&self, site: &Site) -> bool {
        self.of_alerts(site).is_some() || self.of_user(site).is_some()
    }

    /// The user's rule for the rate of a site.
    fn of_user(&self, site: &Site) -> Option<&Rule> {
        self.latest(site, false)
    }

    /// Whether the user's rules make a site a root.
    fn make_root(&self, site: &Site) -> bool {
        self.latest(site, true).is_some()
    }

    fn latest(&self, site: &Site, is_root: bool) -> Option<&Rule> {
        let label = site.label();
        let path = format!("{}::{}", label.module, label.name);
        let path = path.strip_prefix("::").unwrap_or(&path);
        self.user.iter().rev().find(|rule| rule.is_root == is_root && matches(&rule.pattern, path))
    }

    /// The rate that an alert wants for a site.
    pub(in crate::record) fn of_alerts(&self, site: &Site) -> Option<Rate> {
        if self.alerts.is_empty() {
            return None;
        }
        self.alerts.get(&site.label().name).copied()
    }
}

/// The current rules.
pub(in crate::record) fn current() -> Rules {
    RULES.lock().clone()
}

/// Replaces the rules. Nothing is allocated or freed under the lock.
pub(in crate::record) fn replace(rules: Rules) {
    let before = std::mem::replace(&mut *RULES.lock(), rules);
    drop(before);
    ANY.store(true, Release);
}

/// Applies the current rules to a site. Called when it runs for the first time on some thread and
/// its shard can be found.
///
/// It waits for another thread that does the same, which takes nanoseconds, but not forever: if a
/// signal handler interrupted the thread that is replacing the rules, that thread will find the
/// shard.
pub(in crate::record) fn configure(site: &'static Site) {
    if !ANY.load(Acquire) || empty_call::is_ours(site) {
        return;
    }
    for _ in 0..TRIES {
        if let Some(rules) = RULES.try_lock() {
            let now = rules.clone();
            drop(rules);
            memory::uncounted(|| apply(&now, site));
            return;
        }
        thread::yield_now();
    }
}

/// Applies the rules. Returns whether that changed the site's rate.
pub(in crate::record) fn apply(rules: &Rules, site: &Site) -> bool {
    let Some(rules) = rules else { return false };
    let is_new_root = !site.is_root() && rules.make_root(site);
    if is_new_root {
        site.make_root();
    }
    let is_pinned = match rules.of_alerts(site) {
        Some(rate) => site.pin(Some(rate)),
        None => rules.of_user(site).is_some_and(|rule| site.pin(rule.rate)),
    };
    is_pinned || is_new_root
}
