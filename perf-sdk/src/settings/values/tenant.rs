//! Tenants of a multi-tenant server.

use crate::settings::value::Value;

/// A tenant's name, with the characters that Pyroscope, Mimir and Loki allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant(String);

impl Tenant {
    #[cfg_attr(not(feature = "push"), allow(dead_code))]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Tenant {
    fn parse(text: &str) -> Option<Self> {
        let is_fine = |b: u8| b.is_ascii_alphanumeric() || b"!-_.*'()".contains(&b);
        let fits = (1..=150).contains(&text.len()) && text.bytes().all(is_fine) && !matches!(text, "." | "..");
        fits.then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}
