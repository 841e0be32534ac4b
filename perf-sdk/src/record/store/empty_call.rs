//! Synthetic functions whose empty calls are timed.

use crate::scope::{Options, Sample, Site, Source};

/// Makes an empty call. It is passed as a function pointer, because the code that makes calls
/// depends on the code that needs their cost.
pub(in crate::record) type EmptyCall = fn(&'static Site);

pub(in crate::record) const SELDOM_RATE: u32 = if cfg!(miri) { 2 } else { 64 };
/// The number of functions that are called in turn, so that none of them is in the nearest cache.
pub(in crate::record) const MANY: usize = 64;

pub(in crate::record) static MEASURED: [Site; MANY] = [const { site(Sample::Always) }; MANY];
pub(in crate::record) static SAMPLED: [Site; MANY] = [const { site(Sample::OneIn(2)) }; MANY];
pub(in crate::record) static RESTED: Site = site(Sample::Never);
/// Measured so rarely that the processor mispredicts it.
pub(in crate::record) static SELDOM: Site = site(Sample::OneIn(SELDOM_RATE));
pub(in crate::record) static PASSED: [Site; MANY] = [const { site(Sample::Never) }; MANY];

const fn site(sample: Sample) -> Site {
    let name = "calibration";
    let source = Source { name: Some(name), path: || "", ident: name, module: "perf_sdk", file: file!(), line: 0 };
    Site::new(source, Options { sample, ..Options::DEFAULT })
}

/// Whether it is a synthetic one, to which the user's rules do not apply.
pub(in crate::record) fn is_ours(site: &'static Site) -> bool {
    std::ptr::eq(site, &raw const SELDOM)
        || std::ptr::eq(site, &raw const RESTED)
        || [&MEASURED, &SAMPLED, &PASSED].iter().any(|sites| sites.as_ptr_range().contains(&std::ptr::from_ref(site)))
}
