//! Derives a function's display name from the type path of a function nested in it.
//!
//! The compiler formats such a path as `krate::module::function::marker`,
//! `krate::module::Type::method::marker`, `<krate::Type as krate::Trait>::method::marker` or
//! `krate::here::<impl krate::there::Type>::method::marker`. The exact form is not guaranteed, so
//! for any unexpected one the function's own name is used.

use std::borrow::Cow;

/// `function`, `outer::inner`, `Type::method` or `<Type as Trait>::method`. The name does not
/// depend on other functions, so it is the same in each run.
pub(super) fn of(path: &str, module: &str, ident: &str) -> String {
    method(path, module, ident).or_else(|| free(path, module, ident)).unwrap_or_else(|| ident.to_owned())
}

/// Removes the marker's segment, and the segments that closures and async bodies add.
fn enclosing(path: &str) -> Option<&str> {
    let mut rest = split_last(path)?.0;
    while let Some((head, "{{closure}}")) = split_last(rest) {
        rest = head;
    }
    Some(rest)
}

/// The parts before and after the last `::` outside of brackets.
fn split_last(path: &str) -> Option<(&str, &str)> {
    let bytes = path.as_bytes();
    let mut depth = 0i32;
    let mut at = bytes.len();
    while at >= 2 {
        match bytes[at - 1] {
            b'>' if at < 2 || bytes[at - 2] != b'-' => depth += 1,
            b')' | b']' => depth += 1,
            b'<' | b'(' | b'[' => depth -= 1,
            b':' if depth == 0 && bytes[at - 2] == b':' => {
                return Some((&path[..at - 2], &path[at..]));
            }
            _ => {}
        }
        at -= 1;
    }
    None
}

fn method(path: &str, module: &str, ident: &str) -> Option<String> {
    let (owner, name) = split_last(enclosing(path)?)?;
    if unraw(name) != ident {
        return None;
    }
    if let Some(inner) = owner.strip_prefix('<').and_then(|o| o.strip_suffix('>')) {
        return Some(match split_at(inner, " as ") {
            Some((this, of)) => of_trait(this, of, module, ident),
            None => of_type(inner, module, ident),
        });
    }
    let (_, last) = split_last(owner)?;
    let inner = last.strip_prefix("<impl ").and_then(|o| o.strip_suffix('>')).filter(|inner| !inner.is_empty())?;
    Some(match split_at(inner, " for ") {
        Some((of, this)) => of_trait(this, of, module, ident),
        None => of_type(inner, module, ident),
    })
}

fn of_type(this: &str, module: &str, ident: &str) -> String {
    let this = short(this, module);
    let head = this.split('<').next().unwrap_or_default();
    let is_path = head.starts_with(is_ident) && !head.contains([' ', '(']);
    if is_path { format!("{this}::{ident}") } else { format!("<{this}>::{ident}") }
}

/// In a trait's own default method, the type is `Self`.
fn of_trait(this: &str, of: &str, module: &str, ident: &str) -> String {
    let of = short(of, module);
    if this == "Self" { format!("{of}::{ident}") } else { format!("<{} as {of}>::{ident}", short(this, module)) }
}

/// Splits at the first `between` outside of brackets.
fn split_at<'a>(text: &'a str, between: &str) -> Option<(&'a str, &'a str)> {
    let mut depth = Depth::default();
    for (at, c) in text.char_indices() {
        depth.pass(c);
        if depth.is_outside() && text[at..].starts_with(between) {
            return Some((&text[..at], &text[at + between.len()..]));
        }
    }
    None
}

/// The current nesting of brackets.
#[derive(Default)]
struct Depth {
    depth: i32,
    previous: char,
}

impl Depth {
    fn pass(&mut self, c: char) {
        match c {
            '<' | '(' | '[' => self.depth += 1,
            '>' if self.previous == '-' => {}
            '>' | ')' | ']' => self.depth -= 1,
            _ => {}
        }
        self.previous = c;
    }

    fn is_outside(&self) -> bool {
        self.depth == 0
    }
}

fn is_ident(c: char) -> bool {
    c == '_' || c == '#' || c.is_alphanumeric()
}

/// A type or a trait with its paths shortened as by [`short_path`]. Arguments are omitted if all of
/// them are parameters of the `impl`, because they distinguish nothing.
fn short(text: &str, module: &str) -> String {
    let mut to = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '<' {
            let mut depth = Depth::default();
            let end = rest.char_indices().find(|(_, c)| {
                depth.pass(*c);
                depth.is_outside()
            });
            let Some((end, _)) = end else {
                to.push_str(rest);
                break;
            };
            let inside = &rest[1..end];
            // The colons of a turbofish are removed with its arguments.
            let colons = to.ends_with("::");
            if all_are_parameters(inside) && to.chars().last().is_some_and(|c| is_ident(c) || c == ':') {
                to.truncate(to.len() - if colons { 2 } else { 0 });
            } else {
                to.push('<');
                to.push_str(&short(inside, module));
                to.push('>');
            }
            rest = &rest[end + 1..];
        } else if is_ident(c) {
            let end = path_end(rest);
            // What follows arguments, such as `Item` in `Type<T>::Item`, is not a path of its own.
            let is_whole = !to.ends_with(':');
            let path = &rest[..end];
            to.push_str(&if is_whole { short_path(path, module) } else { path.into() });
            rest = &rest[end..];
        } else {
            to.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    to
}

/// The end of the path with which the text begins: before the first character that is not part of a
/// name, and before arguments.
fn path_end(text: &str) -> usize {
    let mut end = 0;
    loop {
        end += text[end..].find(|c| !is_ident(c)).unwrap_or(text.len() - end);
        match text[end..].strip_prefix("::") {
            Some(after) if after.starts_with(is_ident) => end += 2,
            _ => return end,
        }
    }
}

/// Names that are in scope in every file without an import.
const PRELUDE: [&str; 31] = [
    "AsMut",
    "AsRef",
    "Box",
    "Clone",
    "Copy",
    "Default",
    "DoubleEndedIterator",
    "Drop",
    "Eq",
    "ExactSizeIterator",
    "Extend",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "FromIterator",
    "Into",
    "IntoIterator",
    "Iterator",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Result",
    "Send",
    "String",
    "Sync",
    "ToOwned",
    "ToString",
    "Vec",
    "TryFrom",
];

/// A path, shortened but still unambiguous. Within the function's module, it is relative to the
/// module. Elsewhere in the crate, it begins with `crate`. In the standard library, it has only the
/// public module, and nothing for prelude names. All others are unchanged.
fn short_path<'a>(path: &'a str, module: &str) -> Cow<'a, str> {
    let within = |parent: &str| path.strip_prefix(parent).and_then(|rest| rest.strip_prefix("::"));
    if let Some(rest) = within(module) {
        return rest.into();
    }
    let Some((root, rest)) = path.split_once("::") else { return path.into() };
    let own = module.split("::").next().unwrap_or_default();
    if root == own {
        return format!("crate::{rest}").into();
    }
    if !matches!(root, "std" | "core" | "alloc") {
        return path.into();
    }
    // The modules below are mostly private: `std::io::error::Error`,
    // `alloc::collections::btree::map::BTreeMap`.
    let last = rest.rsplit("::").next().unwrap_or_default();
    match rest.split_once("::") {
        Some((first, _)) if !PRELUDE.contains(&last) => format!("{first}::{last}").into(),
        _ => last.into(),
    }
}

/// Whether all arguments are parameters or lifetimes: names without a path that are no primitive
/// types.
fn all_are_parameters(arguments: &str) -> bool {
    let mut depth = Depth::default();
    arguments
        .split(|c| {
            depth.pass(c);
            c == ',' && depth.is_outside()
        })
        .all(|argument| {
            let argument = argument.trim();
            let name = argument.strip_prefix('\'').unwrap_or(argument);
            let begins = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
            begins && name.chars().all(is_ident) && !(PRIMITIVE.contains(&name) && name == argument)
        })
}

const PRIMITIVE: [&str; 19] = [
    "bool", "char", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "str", "u128", "u16", "u32", "u64", "u8",
    "usize", "true", "false",
];

/// The part after the module path: `function`, `Type::method`, `outer::inner`.
fn free(path: &str, module: &str, ident: &str) -> Option<String> {
    let enclosing = enclosing(path)?.replace("::{{closure}}", "");
    enclosing.strip_prefix(module)?.strip_prefix("::")?;
    let name = short(&enclosing, module);
    let (head, last) = split_last(&name).map_or((None, name.as_str()), |(head, last)| (Some(head), last));
    (unraw(last) == ident).then(|| head.map_or_else(|| ident.to_owned(), |head| format!("{head}::{ident}")))
}

fn unraw(ident: &str) -> &str {
    ident.strip_prefix("r#").unwrap_or(ident)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn free_functions_and_inner_ones() {
        assert_eq!(of("a::m::f::mark", "a::m", "f"), "f");
        assert_eq!(of("a::m::outer::inner::mark", "a::m", "inner"), "outer::inner");
        assert_eq!(of("a::m::f::{{closure}}::mark", "a::m", "f"), "f");
        assert_eq!(of("a::m::outer::{{closure}}::inner::mark", "a::m", "inner"), "outer::inner");
    }

    #[test]
    fn methods_are_named_after_their_type() {
        assert_eq!(of("a::m::T::f::mark", "a::m", "f"), "T::f");
        assert_eq!(of("a::m::T<U>::f::mark", "a::m", "f"), "T::f");
        assert_eq!(of("a::m::T<'a, U, N>::f::mark", "a::m", "f"), "T::f");
        assert_eq!(of("a::m::T<alloc::vec::Vec<U>>::f::{{closure}}::mark", "a::m", "f"), "T<Vec>::f");
        assert_eq!(of("a::b::<impl a::b::c::T>::f::mark", "a::b", "f"), "c::T::f");
        assert_eq!(of("a::b::<impl a::c::T>::f::mark", "a::b", "f"), "crate::c::T::f");
        assert_eq!(of("a::<impl dyn a::Tr + core::marker::Send>::f::mark", "a", "f"), "<dyn Tr + Send>::f");
        assert_eq!(of("<dyn a::Tr>::f::mark", "a", "f"), "<dyn Tr>::f");
        assert_eq!(of("a::T::r#match::mark", "a", "match"), "T::match");
    }

    #[test]
    fn methods_of_traits_are_named_after_both() {
        assert_eq!(of("<a::T as a::Tr>::f::mark", "a", "f"), "<T as Tr>::f");
        assert_eq!(of("<a::T<x::Y> as a::Tr<fn() -> u8>>::f::mark", "a", "f"), "<T<x::Y> as Tr<fn() -> u8>>::f");
        assert_eq!(
            of("a::b::<impl a::c::Tr for a::c::T<u8>>::f::mark", "a::b", "f"),
            "<crate::c::T<u8> as crate::c::Tr>::f"
        );
        assert_eq!(of("<&mut a::T as a::Tr>::f::mark", "a", "f"), "<&mut T as Tr>::f");
        assert_eq!(of("<a::S as a::Handler<a::Ping>>::f::mark", "a", "f"), "<S as Handler<Ping>>::f");
        assert_eq!(of("<a::S as a::Handler<T>>::f::mark", "a", "f"), "<S as Handler>::f");
        assert_eq!(of("<(u8, alloc::string::String) as a::Tr>::f::mark", "a", "f"), "<(u8, String) as Tr>::f");
        assert_eq!(of("<*const a::T as a::Tr>::f::mark", "a", "f"), "<*const T as Tr>::f");
        assert_eq!(of("<[a::T; 3] as a::Tr>::f::mark", "a", "f"), "<[T; 3] as Tr>::f");
        assert_eq!(
            of("<dyn core::ops::function::Fn(u8) -> a::T as a::Tr>::f::mark", "a", "f"),
            "<dyn Fn(u8) -> T as Tr>::f"
        );
        assert_eq!(of("<fn(a::T) -> (u8, u8) as a::Tr>::f::mark", "a", "f"), "<fn(T) -> (u8, u8) as Tr>::f");
        assert_eq!(of("<a::T as core::fmt::Display>::f::mark", "a", "f"), "<T as fmt::Display>::f");
        assert_eq!(of("<std::io::error::Error as a::Tr>::f::mark", "a", "f"), "<io::Error as Tr>::f");
        assert_eq!(of("<alloc::sync::Arc<a::T> as a::Tr>::f::mark", "a", "f"), "<sync::Arc<T> as Tr>::f");
    }

    #[test]
    fn a_default_method_is_named_after_its_trait() {
        assert_eq!(of("a::Tr::f::mark", "a", "f"), "Tr::f");
        assert_eq!(of("<Self as a::Tr>::f::mark", "a", "f"), "Tr::f");
    }

    #[test]
    fn anything_else_is_the_functions_own_name() {
        for path in ["", "mark", "f::mark", "::", "<", "a::<impl >::f::mark", "x::y::z::mark"] {
            assert_eq!(of(path, "a::m", "f"), "f", "{path}");
        }
    }
}
