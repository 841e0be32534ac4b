//! Names by which clients may call the endpoint.

use crate::settings::value::Value;

/// Names, in which `*` stands for any text, or addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    #[cfg_attr(not(feature = "serve"), allow(dead_code))]
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }
}

fn host(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:[]*".contains(&b));
    fits.then(|| text.to_ascii_lowercase())
}

impl Value for Hosts {
    fn parse(text: &str) -> Option<Self> {
        text.split(',').map(|name| host(name.trim())).collect::<Option<_>>().map(Self)
    }

    fn show(&self) -> String {
        self.0.join(",")
    }
}
