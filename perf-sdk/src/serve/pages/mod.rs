//! What a browser shows: one file a page, or a part of one.

pub(super) mod accounts;
pub(super) mod html;
pub(super) mod index;
pub(super) mod leaks;
