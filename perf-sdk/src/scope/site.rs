//! One annotated place in the source.

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::bounded::bounded;
use super::last_text::LastText;
use super::name;
use crate::base::plain::is_plain;
use crate::rate::Rate;

/// Set if the attribute or the user decided the rate.
const PINNED: u32 = 1 << 31;

/// The position and the name of a site. Written by generated code.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// A name given by the user. If `None`, the name is derived from `path`.
    pub name: Option<&'static str>,
    /// The type path of a function nested in the annotated one. It contains the enclosing type.
    pub path: fn() -> &'static str,
    /// The annotated function's own name: the fallback.
    pub ident: &'static str,
    /// `module_path!()`.
    pub module: &'static str,
    /// `file!()`.
    pub file: &'static str,
    /// `line!()`; 0 if unknown.
    pub line: u32,
}

/// Which calls of a site are timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sample {
    /// As many as the budget allows.
    Default,
    /// Every call.
    Always,
    /// None: calls and outcomes are counted, and nothing is timed.
    Never,
    /// One call in this many, at most [`Rate::MAX`].
    OneIn(u32),
}

impl Sample {
    const fn rate(self) -> u32 {
        match self {
            Self::Default => 1,
            Self::Always => 1 | PINNED,
            Self::Never => PINNED,
            Self::OneIn(n) if n <= Rate::MAX => n | PINNED,
            Self::OneIn(_) => Rate::MAX | PINNED,
        }
    }
}

/// What happens to a site if counting its calls takes more than the budget allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hot {
    /// It rests: its calls are estimated.
    Rest,
    /// Its calls are counted, even beyond the budget.
    Count,
}

/// What is measured at a site, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// Which calls are timed.
    pub sample: Sample,
    /// `None`: as configured.
    pub hot: Option<Hot>,
    /// Whether thread CPU time is measured.
    pub cpu: bool,
    /// Whether allocations are measured.
    pub alloc: bool,
    /// The maximum number of bytes that allocations in the scope and in its callees hold at any
    /// time. 0 if not declared.
    pub bounded: u64,
    /// Whether the returned value does its work later, unmeasured.
    pub lazy: bool,
    /// Whether each call is measured, and the slowest ones are kept with all that they did.
    pub root: bool,
}

impl Options {
    /// Everything is measured.
    pub const DEFAULT: Self =
        Self { sample: Sample::Default, hot: None, cpu: true, alloc: true, bounded: 0, lazy: false, root: false };

    const fn rate(self) -> u32 {
        match self.sample {
            Sample::Default if self.root => Sample::Always.rate(),
            sample => sample.rate(),
        }
    }
}

/// The name by which readers identify a site. Sites with equal labels are added up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Label {
    pub(crate) module: String,
    pub(crate) name: String,
    /// Whether both are printable ASCII, without quotes and backslashes.
    pub(crate) is_plain: bool,
}

/// One annotated place in the source: a `static` that generated code declares.
#[derive(Debug)]
pub struct Site {
    source: Source,
    options: Options,
    /// The number of calls that a measured one stands for, and [`PINNED`].
    rate: AtomicU32,
    /// Whether it rests: it has too many calls to count them.
    rests: AtomicBool,
    label: OnceLock<Label>,
    last_error: LastText,
    shared: Shared,
    /// 0: it is no root. [`ROOT`]: it is one. Above that: one whose place among roots is known.
    root: AtomicU32,
}

/// See [`Site::root`].
const ROOT: u32 = 1;

/// The recorder's data for threads that have no record of their own for a site. Its type is unknown
/// here.
#[derive(Debug)]
pub(crate) struct Shared(pub(crate) AtomicPtr<()>);

impl Site {
    /// A site. It costs nothing until its first call.
    #[must_use]
    pub const fn new(source: Source, options: Options) -> Self {
        let rate = AtomicU32::new(options.rate());
        Self {
            source,
            options,
            rate,
            rests: AtomicBool::new(false),
            label: OnceLock::new(),
            last_error: LastText::new(),
            shared: Shared(AtomicPtr::new(ptr::null_mut())),
            root: AtomicU32::new(if options.root { ROOT } else { 0 }),
        }
    }

    /// Whether the site rests, so that calls which begin now are not counted.
    #[inline(always)]
    pub(crate) fn rests(&self) -> bool {
        self.rests.load(Relaxed)
    }

    /// Whether the site may rest. `configured` is the setting for all sites. A site whose rate was
    /// decided by the attribute or the user rests only if its attribute says so. The same is true
    /// of one whose memory is bounded, since its memory would be attributed to its caller. A site
    /// of which every call is measured never rests.
    pub(crate) fn may_rest(&self, configured: Hot) -> bool {
        match self.options.hot {
            Some(own) => own == Hot::Rest && self.options.sample != Sample::Always && !self.is_root(),
            None => configured == Hot::Rest && !self.is_pinned() && self.options.bounded == 0 && !self.is_root(),
        }
    }

    pub(crate) fn set_rests(&self, rests: bool) {
        self.rests.store(rests, Relaxed);
    }

    /// Whether the slowest calls are kept.
    #[inline]
    pub(crate) fn is_root(&self) -> bool {
        self.root.load(Relaxed) != 0
    }

    /// From now on it is a root. Each call is measured, unless its attribute or the user decided
    /// the rate.
    pub(crate) fn make_root(&self) {
        let _ = self.root.compare_exchange(0, ROOT, Relaxed, Relaxed);
        let _ = self.rate.fetch_update(Relaxed, Relaxed, |rate| (rate & PINNED == 0).then_some(Sample::Always.rate()));
        self.set_rests(false);
    }

    /// The place of a root among all, if it was [set](Self::set_root_place).
    pub(crate) fn root_place(&self) -> Option<usize> {
        // What is at the place was written before.
        self.root.load(Acquire).checked_sub(ROOT + 1).map(|place| place as usize)
    }

    /// Whether it had no place yet: otherwise it keeps the one that it has.
    pub(crate) fn set_root_place(&self, place: usize) -> bool {
        let place = ROOT + 1 + place as u32;
        self.root.fetch_update(Release, Acquire, |now| (now <= ROOT).then_some(place)).is_ok()
    }

    /// The number of calls that a measured one stands for now. 0: none is measured.
    #[inline]
    pub(crate) fn rate(&self) -> u32 {
        self.rate.load(Relaxed) & !PINNED
    }

    /// Whether the attribute or the user decided the rate, so that the budget does not change it.
    pub(crate) fn is_pinned(&self) -> bool {
        self.rate.load(Relaxed) & PINNED != 0
    }

    /// Sets the rate that the budget allows.
    pub(crate) fn allow(&self, one_in: u32) {
        // A rate that the user sets at the same time is not overwritten.
        let _ = self.rate.fetch_update(Relaxed, Relaxed, |rate| (rate & PINNED == 0).then_some(one_in));
    }

    /// Sets the user's rate; `None` restores that of the attribute. False if nothing changed.
    pub(crate) fn pin(&self, rate: Option<Rate>) -> bool {
        let own = match self.options.sample {
            Sample::Default if self.is_root() => Sample::Always.rate(),
            _ => self.options.rate(),
        };
        let rate = rate.map_or(own, |rate| rate.weight() | PINNED);
        if rate & PINNED == 0 && !self.is_pinned() {
            return false;
        }
        self.rate.swap(rate, Relaxed) != rate
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The site for everything that has no room: names and call-tree nodes beyond the maximum.
    pub(crate) fn other() -> &'static Self {
        static OTHER: Site = Site::new(
            Source { name: Some("(other)"), path: || "", ident: "(other)", module: "", file: "", line: 0 },
            Options::DEFAULT,
        );
        &OTHER
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    #[inline]
    pub(crate) fn options(&self) -> Options {
        self.options
    }

    /// The label. It is computed at the first reading, never on the hot path.
    pub(crate) fn label(&self) -> &Label {
        self.label.get_or_init(|| {
            let module = bounded(self.source.module).into_owned();
            let name = match self.source.name {
                Some(name) => bounded(name).into_owned(),
                None => bounded(&name::of((self.source.path)(), self.source.module, self.source.ident)).into_owned(),
            };
            let is_plain = is_plain(&module) && is_plain(&name);
            Label { module, name, is_plain }
        })
    }

    /// The text of the last error, if the attribute requests it.
    pub(crate) fn last_error(&self) -> &LastText {
        &self.last_error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_may_rest_as_its_attribute_or_else_the_setting_says() {
        let site = |options| Site::new(*Site::other().source(), options);
        let may_rest = |sample, hot, configured| site(Options { sample, hot, ..Options::DEFAULT }).may_rest(configured);
        let (rest, count) = (Some(Hot::Rest), Some(Hot::Count));
        assert!(may_rest(Sample::Default, None, Hot::Rest) && !may_rest(Sample::Default, None, Hot::Count));
        assert!(may_rest(Sample::Default, rest, Hot::Count) && !may_rest(Sample::Default, count, Hot::Rest));
        assert!(may_rest(Sample::OneIn(64), rest, Hot::Count) && !may_rest(Sample::OneIn(64), None, Hot::Rest));
        assert!(!may_rest(Sample::Always, rest, Hot::Rest) && !may_rest(Sample::Always, None, Hot::Rest));
        let bounded = |hot| site(Options { hot, bounded: 1, ..Options::DEFAULT }).may_rest(Hot::Rest);
        assert!(!bounded(None) && bounded(rest));
    }
}
