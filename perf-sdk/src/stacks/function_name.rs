//! Converts names of functions from those in files to those shown to people.

/// The maximum length. Longer names are cut.
const MOST_NAME: usize = 16 << 10;

pub(super) fn cut(text: &str) -> &str {
    if text.len() <= MOST_NAME {
        return text;
    }
    let end = (0..=MOST_NAME).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// A demangled name without its hash. Names that are not Rust's are unchanged.
pub(super) fn demangled(name: &str) -> String {
    rustc_demangle::try_demangle(name).map_or_else(|_| name.to_owned(), |name| format!("{name:#}"))
}

/// Removes generic arguments: `poll<Task>` becomes `poll`.
pub(super) fn without_generics(name: &str) -> &str {
    match name.find('<') {
        Some(at) if at > 0 && name.ends_with('>') => &name[..at],
        _ => name,
    }
}

/// Adds the module, derived from the path of a source file of a published crate or of the standard
/// library, because line tables do not contain modules. It assumes that modules are files.
pub(super) fn in_module_of(file: &str, name: &str) -> String {
    let module = || {
        let (folder, rest) = file.rsplit_once("/src/")?;
        let (above, package) = folder.rsplit_once('/')?;
        let package = match package.rsplit_once('-') {
            Some((package, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => package,
            _ if above.ends_with("/library") => package,
            _ => return None,
        };
        let mut parts = vec![package.replace('-', "_")];
        parts.extend(
            rest.strip_suffix(".rs")?.split('/').filter(|part| !["lib", "mod"].contains(part)).map(str::to_owned),
        );
        Some(parts.join("::"))
    };
    module().map_or_else(|| name.to_owned(), |module| format!("{module}::{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_rusts_is_unchanged() {
        assert_eq!(demangled("malloc"), "malloc");
        assert_eq!(demangled("_ZN4core3ptr10drop_thing17h0123456789abcdefE"), "core::ptr::drop_thing");
    }

    #[test]
    fn modules_are_derived_from_files() {
        let registry = "/root/.cargo/registry/src/index-1/tokio-util-0.7.1/src/sync/mod.rs";
        assert_eq!(in_module_of(registry, "poll"), "tokio_util::sync::poll");
        assert_eq!(in_module_of("/rustc/1234/library/core/src/hint.rs", "black_box"), "core::hint::black_box");
        assert_eq!(in_module_of("/home/me/service/src/main.rs", "run"), "run");
        assert_eq!(in_module_of("", "run"), "run");
    }

    #[test]
    fn generics_are_cut_and_operators_are_not() {
        for (name, short) in
            [("poll<Task<u8>>", "poll"), ("{closure#0}<T>", "{closure#0}"), ("<T as U>", "<T as U>"), ("main", "main")]
        {
            assert_eq!(without_generics(name), short);
        }
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(cut("name"), "name");
        assert_eq!(cut(&"ä".repeat(MOST_NAME)).len(), MOST_NAME);
        assert_eq!(cut(&format!("a{}", "ä".repeat(MOST_NAME))).len(), MOST_NAME - 1);
    }
}
