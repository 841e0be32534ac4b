//! Targets, or where they are.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::settings::value::{Entry, IntoSetting, Refusal, Value};
use crate::target::{Target, Targets};

/// Targets, or the file that has them.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetsFrom {
    /// These targets.
    Targets(Targets),
    /// The targets of this file of TOML, which is read at the start.
    File(PathBuf),
}

impl TargetsFrom {
    #[cfg(feature = "enabled")]
    pub(crate) fn load(&self) -> Result<Targets, Error> {
        match self {
            Self::Targets(targets) => Ok(targets.clone()),
            #[cfg(feature = "toml")]
            Self::File(path) => {
                let text = crate::settings::file::text(path);
                let text = text.map_err(|source| Error::Targets { path: path.clone(), source })?;
                Ok(Targets::parse_toml(&text, &path.display().to_string())?)
            }
            #[cfg(not(feature = "toml"))]
            Self::File(path) => Err(Error::Targets {
                path: path.clone(),
                source: std::io::Error::new(std::io::ErrorKind::Unsupported, "the feature toml is off"),
            }),
        }
    }

    /// One more target, if there is no file.
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(in crate::settings) fn with(before: Option<Entry<Option<Self>>>, target: Target) -> Entry<Option<Self>> {
        let mut targets = match before {
            None | Some(Entry::Value(None)) => Targets::new(),
            Some(Entry::Value(Some(Self::Targets(targets)))) => targets,
            Some(Entry::Value(Some(Self::File(_)))) => {
                let allowed = "targets in code or a file, not both".to_owned();
                return Entry::Refused(Refusal { at: None, value: target.to_string(), allowed });
            }
            Some(wrong) => return wrong,
        };
        match targets.add(target) {
            Err(Error::Setting { place, value, allowed }) => {
                let allowed = if place == "target" { allowed } else { format!("as the {place}: {allowed}") };
                Entry::Refused(Refusal { at: None, value, allowed })
            }
            Err(error) => Entry::Wrong(error.to_string()),
            Ok(()) => Entry::Value(Some(Self::Targets(targets))),
        }
    }
}

impl IntoSetting<Option<TargetsFrom>> for Targets {
    fn into_setting(self) -> Entry<Option<TargetsFrom>> {
        Entry::Value(Some(TargetsFrom::Targets(self)))
    }
}

impl IntoSetting<Option<TargetsFrom>> for PathBuf {
    fn into_setting(self) -> Entry<Option<TargetsFrom>> {
        Entry::Value(Some(TargetsFrom::File(self)))
    }
}

impl IntoSetting<Option<TargetsFrom>> for &Path {
    fn into_setting(self) -> Entry<Option<TargetsFrom>> {
        self.to_owned().into_setting()
    }
}

/// Expressions, or the name of a file.
impl Value for TargetsFrom {
    fn parse(text: &str) -> Option<Self> {
        match Self::read(text) {
            Entry::Value(value) => Some(value),
            _ => None,
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Targets(targets) => targets.iter().map(Target::to_string).collect::<Vec<_>>().join("; "),
            Self::File(path) => path.display().to_string(),
        }
    }

    fn read(text: &str) -> Entry<Self> {
        if text.ends_with(".toml") {
            let is_read = cfg!(feature = "toml") || !cfg!(feature = "enabled");
            return if is_read { Entry::Value(Self::File(text.into())) } else { Entry::Wrong(text.to_owned()) };
        }
        // Without an operator it is no expression, but perhaps a file of another name.
        if !text.contains(['<', '>']) && !text.contains(" in ") {
            return Entry::Wrong(text.to_owned());
        }
        match Targets::parse(text, "") {
            Ok(targets) => Entry::Value(Self::Targets(targets)),
            Err(error) => Entry::Refused(Refusal {
                at: Some((error.line, error.column)),
                value: error.value,
                allowed: error.allowed,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_list_of_expressions_or_the_name_of_a_file() {
        let file = TargetsFrom::parse("conf/targets.toml");
        assert_eq!(file.is_some(), cfg!(feature = "toml"));
        let list = TargetsFrom::parse("cpu < 75%; p95('a.toml') < 1s\nresident in 1MB..2MB").unwrap();
        assert_eq!(list.show(), "cpu < 75%; p95(\"a.toml\") < 1s; resident in 1MB..2MB");
        assert_eq!(TargetsFrom::parse(&list.show()), Some(list));
        for (text, at, value) in
            [("cpu < 75%; cpu < 5ms", Some((1, 18)), "5ms"), ("cpu < 1%\ncpu < 1%", Some((2, 1)), "cpu < 1%")]
        {
            let Entry::Refused(refusal) = TargetsFrom::read(text) else { panic!("{text}") };
            assert_eq!((refusal.at, refusal.value.as_str()), (at, value), "{text}");
        }
        assert!(matches!(TargetsFrom::read("/etc/targets"), Entry::Wrong(_)));
    }

    #[test]
    fn targets_are_added_in_code() {
        let target = |text: &str| Target::new(text).unwrap();
        let one = TargetsFrom::with(None, target("cpu < 75%"));
        let two = TargetsFrom::with(Some(one), target("resident < 1GB").name("memory"));
        assert!(matches!(&two, Entry::Value(Some(TargetsFrom::Targets(all))) if all.iter().count() == 2));
        let Entry::Refused(twice) = TargetsFrom::with(Some(two), target("cpu < 5%").name("memory")) else { panic!() };
        assert!(twice.value == "memory" && twice.allowed.contains("no other target"), "{twice:?}");
        let file = Some(Path::new("a.toml").into_setting());
        assert!(matches!(TargetsFrom::with(file, target("cpu < 75%")), Entry::Refused(_)));
        // What was wrong stays wrong.
        let wrong = Some(Entry::Wrong("x".to_owned()));
        assert!(matches!(TargetsFrom::with(wrong, target("cpu < 75%")), Entry::Wrong(_)));
    }
}
