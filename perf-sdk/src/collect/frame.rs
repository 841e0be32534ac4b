//! Converts sites to frames.

use crate::scope::Site;
use crate::snapshot::Frame;

impl Frame {
    pub(super) fn of(site: &'static Site) -> Self {
        let (label, source) = (site.label(), site.source());
        Self { name: label.name.clone(), module: label.module.clone(), file: source.file.to_owned(), line: source.line }
    }
}
