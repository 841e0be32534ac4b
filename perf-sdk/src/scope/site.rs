//! One annotated place in the source.

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::Relaxed};

use super::bounded::bounded;
use super::last_text::LastText;
use super::name;
use crate::rate::Rate;

/// The rate is decided by the attribute or by the user.
const PINNED: u32 = 1 << 31;

/// Where a site stands and what it is called. Written by generated code.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// A name that the user gave; otherwise the name is taken from `path`.
    pub name: Option<&'static str>,
    /// The type path of a function nested in the annotated one; it knows the enclosing type.
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
    /// As the budget allows.
    Default,
    /// Every call.
    Always,
    /// None: calls and outcomes are counted, nothing is timed.
    Never,
    /// One in so many, at most [`Rate::MAX`].
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

/// What is done with a site whose calls take more to count than the budget allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hot {
    /// It rests: calls are estimated.
    Rest,
    /// They are counted, whatever that takes.
    Count,
}

/// What is measured at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// Which calls are timed.
    pub sample: Sample,
    /// `None`: as is configured.
    pub hot: Option<Hot>,
    /// Whether thread CPU time is measured.
    pub cpu: bool,
    /// Whether allocations are measured.
    pub alloc: bool,
    /// Bytes that what is allocated in the scope and in its callees may hold at a time; 0: not
    /// declared.
    pub bounded: u64,
    /// Whether what the function returns does its work later, unmeasured.
    pub lazy: bool,
}

impl Options {
    /// Everything on.
    pub const DEFAULT: Self =
        Self { sample: Sample::Default, hot: None, cpu: true, alloc: true, bounded: 0, lazy: false };
}

/// What a reader calls a site. Sites with equal labels are summed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Label {
    pub(crate) module: String,
    pub(crate) name: String,
}

/// One annotated place in the source: a `static` that generated code declares.
#[derive(Debug)]
pub struct Site {
    source: Source,
    options: Options,
    /// How many calls a measured one stands for, and [`PINNED`].
    rate: AtomicU32,
    /// Whether calls are left alone: they are too many to be counted.
    rests: AtomicBool,
    label: OnceLock<Label>,
    last_error: LastText,
    shared: Shared,
}

/// What threads without a record of their own for a site share: the recorder's, unknown here.
#[derive(Debug)]
pub(crate) struct Shared(pub(crate) AtomicPtr<()>);

impl Site {
    /// A site; costs nothing until it runs.
    #[must_use]
    pub const fn new(source: Source, options: Options) -> Self {
        let rate = AtomicU32::new(options.sample.rate());
        Self {
            source,
            options,
            rate,
            rests: AtomicBool::new(false),
            label: OnceLock::new(),
            last_error: LastText::new(),
            shared: Shared(AtomicPtr::new(ptr::null_mut())),
        }
    }

    /// Whether calls that begin now are left alone.
    #[inline(always)]
    pub(crate) fn rests(&self) -> bool {
        self.rests.load(Relaxed)
    }

    /// Whether it may rest, where `configured` is the wish for all sites. A site whose rate is
    /// decided does not unless its attribute says so, nor does one whose memory is bounded, since
    /// what it holds would be its caller's; one of which every call is measured never does.
    pub(crate) fn may_rest(&self, configured: Hot) -> bool {
        match self.options.hot {
            Some(own) => own == Hot::Rest && self.options.sample != Sample::Always,
            None => configured == Hot::Rest && !self.is_pinned() && self.options.bounded == 0,
        }
    }

    pub(crate) fn set_rests(&self, rests: bool) {
        self.rests.store(rests, Relaxed);
    }

    /// How many calls a measured one stands for now; 0: none is measured.
    #[inline]
    pub(crate) fn rate(&self) -> u32 {
        self.rate.load(Relaxed) & !PINNED
    }

    /// Whether the attribute or the user decided the rate, so that the budget leaves it alone.
    pub(crate) fn is_pinned(&self) -> bool {
        self.rate.load(Relaxed) & PINNED != 0
    }

    /// What the budget allows.
    pub(crate) fn allow(&self, one_in: u32) {
        // A wish that comes at the same time is not overwritten.
        let _ = self.rate.fetch_update(Relaxed, Relaxed, |rate| (rate & PINNED == 0).then_some(one_in));
    }

    /// The user's wish; `None`: as the attribute says. False: nothing changed.
    pub(crate) fn pin(&self, rate: Option<Rate>) -> bool {
        let rate = rate.map_or(self.options.sample.rate(), |rate| rate.weight() | PINNED);
        if rate & PINNED == 0 && !self.is_pinned() {
            return false;
        }
        self.rate.swap(rate, Relaxed) != rate
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Stands for what there is no room for: names that are too many, calls without a place in the
    /// tree.
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

    /// Resolved when first read, never on the hot path.
    pub(crate) fn label(&self) -> &Label {
        self.label.get_or_init(|| Label {
            module: bounded(self.source.module).into_owned(),
            name: match self.source.name {
                Some(name) => bounded(name).into_owned(),
                None => bounded(&name::of((self.source.path)(), self.source.module, self.source.ident)).into_owned(),
            },
        })
    }

    /// The text of the last error, where the attribute asks for it.
    pub(crate) fn last_error(&self) -> &LastText {
        &self.last_error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_rest() {
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
