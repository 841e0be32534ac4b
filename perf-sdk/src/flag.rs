//! Flags: switches that code reads in about a nanosecond, and that people and alerts set.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::time::Duration;

use crate::base::fork::{self, Lock};
use crate::event::{self, Event, FlagChange};
use crate::memory;
use crate::reading::{Description, Labels, Place, Renew, Sheet, Unit};

/// Bits of a flag's state. Without the first one it was never read.
const KNOWN: u8 = 1;
const BY_HAND: u8 = 2;
const BY_ALERT: u8 = 4;

static ON: Description = Description::gauge(
    "flag_on",
    Unit::Count,
    "Whether a flag of the program is on: 1, or 0. Absent before it was read.",
);

/// A place at which code reads a flag. Several places may have one name.
#[derive(Debug)]
pub struct Flag {
    name: &'static str,
    state: AtomicU8,
}

#[derive(Debug, Default)]
struct Flags {
    places: Vec<&'static Flag>,
    by_hand: BTreeSet<String>,
    by_alerts: BTreeSet<String>,
    /// Where their state is shown, while a profiler runs.
    shown: Option<Place>,
}

static FLAGS: Lock<Flags> =
    Lock::new(Flags { places: Vec::new(), by_hand: BTreeSet::new(), by_alerts: BTreeSet::new(), shown: None });

/// The process whose alerts set flags: a forked child has no alerts.
static ALERTS_OF: AtomicU32 = AtomicU32::new(0);

impl Flag {
    /// A flag that is off.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, state: AtomicU8::new(0) }
    }

    /// Whether it is on.
    #[inline]
    pub fn is_on(&'static self) -> bool {
        let state = self.state.load(Relaxed);
        state != KNOWN && self.look(state)
    }

    #[cold]
    fn look(&'static self, state: u8) -> bool {
        let state = if state & KNOWN == 0 { memory::uncounted(|| self.register()) } else { state };
        let is_of_alerts = state & BY_ALERT != 0 && ALERTS_OF.load(Acquire) == fork::generation();
        state & BY_HAND != 0 || is_of_alerts
    }

    fn register(&'static self) -> u8 {
        let mut flags = FLAGS.lock();
        if self.state.load(Relaxed) & KNOWN == 0 {
            flags.places.push(self);
            let state = flags.state_of(self.name);
            self.state.store(state, Relaxed);
            flags.show();
        }
        self.state.load(Relaxed)
    }
}

impl Flags {
    fn state_of(&self, name: &str) -> u8 {
        let bit = |names: &BTreeSet<String>, bit: u8| if names.contains(name) { bit } else { 0 };
        KNOWN | bit(&self.by_hand, BY_HAND) | bit(&self.by_alerts, BY_ALERT)
    }

    fn apply(&mut self) {
        for place in &self.places {
            place.state.store(self.state_of(place.name), Relaxed);
        }
        self.show();
    }

    fn show(&self) {
        let Some(shown) = &self.shown else { return };
        let mut sheet = Sheet::default();
        let names: BTreeSet<&str> = self.places.iter().map(|place| place.name).collect();
        for name in names {
            let is_on = self.state_of(name) != KNOWN;
            sheet.push_of(&ON, &Labels::of(&[("flag", name)]), f64::from(u8::from(is_on)));
        }
        shown.publish(sheet, Duration::MAX);
    }
}

/// Sets flags of a name, those that are read later too.
pub(crate) fn set_by_hand(name: &str, on: bool) {
    let mut flags = FLAGS.lock();
    let is_new = if on { flags.by_hand.insert(name.to_owned()) } else { flags.by_hand.remove(name) };
    flags.apply();
    drop(flags);
    if is_new {
        emit(name, on, "program");
    }
}

/// The names of flags that code has read.
pub(crate) fn names() -> BTreeSet<String> {
    FLAGS.lock().places.iter().map(|place| place.name.to_owned()).collect()
}

/// Whether somebody wants the flag of a name.
pub(crate) fn is_on(name: &str) -> bool {
    FLAGS.lock().state_of(name) != KNOWN
}

fn emit(name: &str, on: bool, by: &str) {
    event::emit(|| Event::Flag(FlagChange { flag: name.to_owned(), on, by: by.to_owned() }));
}

/// The flags that alerts set now: these, and no others.
pub(crate) fn set_by_alerts(names: BTreeSet<String>) {
    let mut flags = FLAGS.lock();
    ALERTS_OF.store(fork::generation(), Release);
    if flags.by_alerts == names {
        return;
    }
    let before = std::mem::replace(&mut flags.by_alerts, names.clone());
    flags.apply();
    drop(flags);
    before.difference(&names).for_each(|name| emit(name, false, "alert"));
    names.difference(&before).for_each(|name| emit(name, true, "alert"));
}

/// Shows flags as readings, until that is switched off.
pub(crate) fn show(is_shown: bool) {
    let mut flags = FLAGS.lock();
    let former = flags.shown.take();
    flags.shown = is_shown.then(|| Place::new("flags", Renew(Arc::new(|| ()))));
    flags.show();
    drop(flags);
    drop(former);
}

/// What may be shown.
pub(crate) fn descriptions() -> impl Iterator<Item = &'static Description> {
    std::iter::once(&ON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_on_as_long_as_somebody_wants_it() {
        static FIRST: Flag = Flag::new("test flag");
        static LATER: Flag = Flag::new("test flag");
        static OTHER: Flag = Flag::new("test other flag");
        assert!(!FIRST.is_on() && !FIRST.is_on() && !OTHER.is_on());
        set_by_hand("test flag", true);
        assert!(FIRST.is_on() && LATER.is_on() && !OTHER.is_on());
        set_by_alerts(["test flag".to_owned()].into());
        set_by_hand("test flag", false);
        assert!(FIRST.is_on() && LATER.is_on());
        #[cfg(all(unix, not(miri)))]
        assert!(fork::in_child(|| !FIRST.is_on()), "a child has no alerts");
        set_by_alerts(BTreeSet::new());
        assert!(!FIRST.is_on() && !LATER.is_on());
    }
}
