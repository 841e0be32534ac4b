//! `crate = path`: perf-sdk under another name, or re-exported.

use ::perf_sdk as renamed;
use renamed::profiled;

/// A crate that re-exports perf-sdk.
mod vendor {
    pub mod deep {
        pub use ::perf_sdk as perf;
    }
}

/// `::perf_sdk` must not be confused with this.
mod perf_sdk {}

#[profiled(crate = renamed)]
fn by_name() -> Result<(), ()> {
    Ok(())
}

#[profiled(crate = crate::renamed::vendor::deep::perf, name = "passed on")]
async fn by_path() -> Result<(), ()> {
    Ok(())
}

#[profiled(crate = ::perf_sdk)]
mod inside {
    pub struct Inside;

    impl Inside {
        pub fn method(&self) {}
    }
}

macro_rules! from_macro {
    ($path:path) => {
        #[profiled(crate = $path)]
        fn by_fragment() {}
    };
}

from_macro!(crate::renamed::vendor::deep::perf);

#[test]
fn perf_sdk_under_another_name() {
    by_name().unwrap();
    by_fragment();
    crate::block_on(by_path()).unwrap();
    inside::Inside.method();
    crate::assert_recorded!("by_name", [1, 0, 0, 0]);
    crate::assert_recorded!("passed on", [1, 0, 0, 0]);
    crate::assert_recorded!("by_fragment", [1, 0, 0, 0]);
    assert_eq!(crate::outcomes(concat!(module_path!(), "::inside"), "Inside::method"), [1, 0, 0, 0]);
}
