//! Functions are measured more often while alerts fire.

use std::collections::BTreeMap;

use crate::rate::Rate;
use crate::record;

/// These functions, and no others. The others have their own rates again.
pub(crate) fn measure(functions: BTreeMap<String, Rate>) {
    record::set_rates_of_alerts(functions);
}
