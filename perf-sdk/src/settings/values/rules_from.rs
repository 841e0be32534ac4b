//! Targets and alerts, or where they are.

use std::path::{Path, PathBuf};

use crate::alert::{AlertRule, AlertRules};
use crate::error::Error;
use crate::settings::value::{Entry, IntoSetting, Refusal, Value};
use crate::target::{Target, Targets};

macro_rules! rules_from {
    (
        $(#[doc = $doc:literal])*
        $from:ident: $(#[doc = $list_doc:literal])* $list:ident of $one:ident, $plural:literal, $key:literal, $of_file:ident,
        $(#[doc = $file_doc:literal])*
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $from {
            $(#[doc = $list_doc])*
            $list($list),
            $(#[doc = $file_doc])*
            File(PathBuf),
        }

        impl $from {
            #[cfg(feature = "enabled")]
            pub(crate) fn load(&self) -> Result<$list, Error> {
                match self {
                    Self::$list(all) => Ok(all.clone()),
                    #[cfg(feature = "toml")]
                    Self::File(path) => {
                        let text = crate::settings::file::text(path);
                        let text = text.map_err(|source| Error::$of_file { path: path.clone(), source })?;
                        Ok($list::parse_toml(&text, &path.display().to_string())?)
                    }
                    #[cfg(not(feature = "toml"))]
                    Self::File(path) => Err(Error::$of_file {
                        path: path.clone(),
                        source: std::io::Error::new(std::io::ErrorKind::Unsupported, "the feature toml is off"),
                    }),
                }
            }

            /// One more, if there is no file.
            #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
            pub(in crate::settings) fn with(before: Option<Entry<Option<Self>>>, one: $one) -> Entry<Option<Self>> {
                let mut all = match before {
                    None | Some(Entry::Value(None)) => $list::new(),
                    Some(Entry::Value(Some(Self::$list(all)))) => all,
                    Some(Entry::Value(Some(Self::File(_)))) => {
                        let allowed = concat!($plural, " in code or a file, not both").to_owned();
                        return Entry::Refused(Refusal { at: None, value: one.to_string(), allowed });
                    }
                    Some(wrong) => return wrong,
                };
                match all.add(one) {
                    Err(Error::Setting { place, value, allowed }) => {
                        let allowed = if place == $key { allowed } else { format!("as the {place}: {allowed}") };
                        Entry::Refused(Refusal { at: None, value, allowed })
                    }
                    Err(error) => Entry::Wrong(error.to_string()),
                    Ok(()) => Entry::Value(Some(Self::$list(all))),
                }
            }
        }

        impl IntoSetting<Option<$from>> for $list {
            fn into_setting(self) -> Entry<Option<$from>> {
                Entry::Value(Some($from::$list(self)))
            }
        }

        impl IntoSetting<Option<$from>> for PathBuf {
            fn into_setting(self) -> Entry<Option<$from>> {
                Entry::Value(Some($from::File(self)))
            }
        }

        impl IntoSetting<Option<$from>> for &Path {
            fn into_setting(self) -> Entry<Option<$from>> {
                self.to_owned().into_setting()
            }
        }

        /// Expressions, or the name of a file.
        impl Value for $from {
            fn parse(text: &str) -> Option<Self> {
                match Self::read(text) {
                    Entry::Value(value) => Some(value),
                    _ => None,
                }
            }

            fn show(&self) -> String {
                match self {
                    Self::$list(all) => all.iter().map($one::to_string).collect::<Vec<_>>().join("; "),
                    Self::File(path) => path.display().to_string(),
                }
            }

            fn read(text: &str) -> Entry<Self> {
                if text.ends_with(".toml") {
                    let is_read = cfg!(feature = "toml") || !cfg!(feature = "enabled");
                    return if is_read { Entry::Value(Self::File(text.into())) } else { Entry::Wrong(text.to_owned()) };
                }
                // Without an operator it is no expression, but perhaps a file of another name.
                if !text.contains(['<', '>', '(']) && !text.contains(" in ") {
                    return Entry::Wrong(text.to_owned());
                }
                match $list::parse(text, "") {
                    Ok(all) => Entry::Value(Self::$list(all)),
                    Err(error) => Entry::Refused(Refusal {
                        at: Some((error.line, error.column)),
                        value: error.value,
                        allowed: error.allowed,
                    }),
                }
            }
        }
    };
}

rules_from! {
    /// Targets, or the file that has them.
    TargetsFrom: /// These targets.
    Targets of Target, "targets", "target", Targets,
    /// The targets of this file of TOML, which is read at the start.
}

rules_from! {
    /// Alerts, or the file that has them.
    AlertsFrom: /// The alerts of these rules.
    AlertRules of AlertRule, "alerts", "alert", Alerts,
    /// The alerts of this file of TOML, which is read at the start.
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
    fn alerts_are_given_as_targets_are() {
        let list = AlertsFrom::parse("leak(confirmed); cpu > 90% for 5m").unwrap();
        assert_eq!(list.show(), "leak(confirmed); cpu > 90% for 5m");
        let Entry::Refused(refusal) = AlertsFrom::read("cpu > 90") else { panic!() };
        assert_eq!((refusal.at, refusal.value.as_str()), (Some((1, 7)), "90"));
        assert_eq!(AlertsFrom::parse("conf/alerts.toml").is_some(), cfg!(feature = "toml"));
        assert!(matches!(AlertsFrom::read("/etc/alerts"), Entry::Wrong(_)));
        let rule = AlertRule::new("cpu > 90%").unwrap().name("");
        assert!(matches!(AlertsFrom::with(None, rule), Entry::Refused(refusal) if refusal.allowed.contains("name of")));
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
