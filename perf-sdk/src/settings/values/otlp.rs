//! What is sent to a server of OTLP beside metrics: attributes of the resource, and headers.

use std::fmt;

use crate::settings::value::Value;

const MOST: usize = 64;
const LONGEST_NAME: usize = 128;
const LONGEST_VALUE: usize = 4_096;

/// Attributes of the process, in the given order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtlpAttributes(Vec<(String, String)>);

/// Headers of each request. Their values are hidden in debug output.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OtlpHeaders(Vec<(String, String)>);

/// Parses `name=value,…`.
fn pairs(text: &str, is_fine: impl Fn(&str, &str) -> bool) -> Option<Vec<(String, String)>> {
    let mut all: Vec<(String, String)> = Vec::new();
    for pair in text.split(',') {
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let has_room = (1..=LONGEST_NAME).contains(&name.len()) && (1..=LONGEST_VALUE).contains(&value.len());
        let is_new = !all.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !has_room || !is_new || !is_fine(name, value) {
            return None;
        }
        all.push((name.to_owned(), value.to_owned()));
    }
    (all.len() <= MOST).then_some(all)
}

#[cfg(any(feature = "otlp", test))]
impl OtlpAttributes {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The attributes in OpenTelemetry's own variable, whose values may have escapes with `%`. What
    /// is none is left out, because it was not asked for here.
    pub(crate) fn of_opentelemetry(text: &str) -> impl Iterator<Item = (String, String)> {
        text.split(',').filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((unescaped(name.trim())?, unescaped(value.trim())?)).filter(|(name, _)| !name.is_empty())
        })
    }
}

#[cfg(any(feature = "otlp", test))]
fn unescaped(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        bytes.push(match first {
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).ok()?
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(any(feature = "otlp", test))]
impl OtlpHeaders {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for OtlpHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Value for OtlpAttributes {
    fn parse(text: &str) -> Option<Self> {
        let is_fine = |name: &str, value: &str| {
            name.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
                && !value.chars().any(char::is_control)
        };
        pairs(text, is_fine).map(Self)
    }

    fn show(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
    }
}

impl Value for OtlpHeaders {
    fn parse(text: &str) -> Option<Self> {
        /// Headers that each request has.
        const TAKEN: [&str; 6] =
            ["host", "user-agent", "content-length", "connection", "content-type", "content-encoding"];
        let is_fine = |name: &str, value: &str| {
            name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !TAKEN.contains(&&*name.to_ascii_lowercase())
                && value.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        };
        pairs(text, is_fine).map(Self)
    }

    /// Their names, not their values.
    fn show(&self) -> String {
        self.0.iter().map(|(name, _)| format!("{name}=…")).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_and_headers_are_pairs() {
        let attributes = OtlpAttributes::parse("deployment.environment.name=prod, host.name = a b=c").unwrap();
        let expected = [("deployment.environment.name", "prod"), ("host.name", "a b=c")];
        assert_eq!(attributes.iter().collect::<Vec<_>>(), expected);
        let headers = OtlpHeaders::parse("Authorization=Bearer x,x-scope-orgid=7").unwrap();
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("Authorization", "Bearer x"), ("x-scope-orgid", "7")]);
        assert!(!format!("{headers:?} {}", headers.show()).contains("Bearer"));
        for wrong in ["", "a", "=b", "a=", "a=b,", "a=b,A=c", "a b=c", "a=\u{7}"] {
            assert!(OtlpAttributes::parse(wrong).is_none() && OtlpHeaders::parse(wrong).is_none(), "{wrong:?}");
        }
        for wrong in ["Host=a", "content-length=1", "a.b=c", "a=ä"] {
            assert!(OtlpHeaders::parse(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn the_variable_of_opentelemetry_has_escapes() {
        let found: Vec<_> = OtlpAttributes::of_opentelemetry("a=b%20c, d = e,wrong,x=%zz,%,f=%2").collect();
        assert_eq!(found, [("a".to_owned(), "b c".to_owned()), ("d".to_owned(), "e".to_owned())]);
    }
}
