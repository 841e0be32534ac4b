//! Where the history is kept.

use std::path::{Path, PathBuf};

use crate::settings::value::{Entry, IntoSetting, Value};

/// Where the history of readings and functions is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistoryStore {
    /// There is none.
    Off,
    /// In memory: it ends with the process.
    Memory,
    /// In memory and in this file, from which the next process goes on. An error if the file cannot
    /// be used.
    File(PathBuf),
}

impl HistoryStore {
    /// The file, if there is one.
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Off | Self::Memory => None,
        }
    }
}

impl From<bool> for HistoryStore {
    fn from(is_on: bool) -> Self {
        if is_on { Self::Memory } else { Self::Off }
    }
}

impl IntoSetting<HistoryStore> for bool {
    fn into_setting(self) -> Entry<HistoryStore> {
        Entry::Value(self.into())
    }
}

impl IntoSetting<HistoryStore> for PathBuf {
    fn into_setting(self) -> Entry<HistoryStore> {
        Entry::Value(HistoryStore::File(self))
    }
}

impl IntoSetting<HistoryStore> for &Path {
    fn into_setting(self) -> Entry<HistoryStore> {
        Entry::Value(HistoryStore::File(self.to_owned()))
    }
}

impl IntoSetting<HistoryStore> for &PathBuf {
    fn into_setting(self) -> Entry<HistoryStore> {
        Entry::Value(HistoryStore::File(self.clone()))
    }
}

/// A path, or whether there is a history in memory. A file with the name of such a word is written
/// as `./off`.
impl Value for HistoryStore {
    fn parse(text: &str) -> Option<Self> {
        Some(bool::parse(text).map_or_else(|| Self::File(text.into()), Self::from))
    }

    fn show(&self) -> String {
        match self {
            Self::Off => "false".to_owned(),
            Self::Memory => "true".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}
