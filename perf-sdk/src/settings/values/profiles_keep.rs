//! How many profile files are kept.

use super::byte_size::ByteSize;
use crate::settings::value::{Entry, IntoSetting, Value};

/// How many files of a program are kept: a number of them, or a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfilesKeep {
    /// This number of files.
    Files(u32),
    /// As many files as fit into this size.
    Size(ByteSize),
}

impl ProfilesKeep {
    pub(in crate::settings) fn is_allowed(&self) -> bool {
        match self {
            Self::Files(files) => (1..=100_000).contains(files),
            Self::Size(size) => *size >= ByteSize::mib(1),
        }
    }
}

impl IntoSetting<ProfilesKeep> for u32 {
    fn into_setting(self) -> Entry<ProfilesKeep> {
        Entry::Value(ProfilesKeep::Files(self))
    }
}

impl IntoSetting<ProfilesKeep> for ByteSize {
    fn into_setting(self) -> Entry<ProfilesKeep> {
        Entry::Value(ProfilesKeep::Size(self))
    }
}

impl Value for ProfilesKeep {
    fn parse(text: &str) -> Option<Self> {
        text.parse().map(Self::Files).ok().or_else(|| text.parse().map(Self::Size).ok())
    }

    fn show(&self) -> String {
        match self {
            Self::Files(files) => files.to_string(),
            Self::Size(size) => size.to_string(),
        }
    }
}
