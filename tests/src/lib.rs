//! What the whole-process tests share.
