//! The maximum length of names.

use std::borrow::Cow;

use crate::base::hash::fnv1a;

/// The maximum length of the name of a function, a module, an arena or a pool, in bytes. The name
/// is in each series, each row and each frame.
pub(crate) const MAX_NAME_BYTES: usize = 255;

/// The name; if it is too long, its beginning and a hash of the whole, so that different names stay
/// different.
pub(crate) fn bounded(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_NAME_BYTES {
        return name.into();
    }
    let end = format!("…{:016x}", fnv1a(name.bytes()));
    format!("{}{end}", beginning(name, MAX_NAME_BYTES - end.len())).into()
}

/// The longest prefix of whole characters that fits into this many bytes.
pub(crate) fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=text.len().min(bytes)).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let long = |last: char| format!("{}{last}", "ö".repeat(if cfg!(miri) { 500 } else { 50_000 }));
        let [a, b] = ['a', 'b'].map(|last| bounded(&long(last)).into_owned());
        assert!(a.len() <= MAX_NAME_BYTES && a.len() > MAX_NAME_BYTES - 4 && a.starts_with("öö"), "{a}");
        assert_ne!(a, b);
        let longest = "n".repeat(MAX_NAME_BYTES);
        assert_eq!(bounded(&longest), longest);
        assert_eq!(bounded(""), "");
    }
}
