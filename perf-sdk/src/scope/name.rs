//! A function's display name from the type path of a function nested in it.
//!
//! The compiler names such a path `krate::module::function::marker`, `krate::module::Type::method::marker`,
//! `<krate::Type as krate::Trait>::method::marker` or `krate::here::<impl krate::there::Type>::method::marker`.
//! Its exact form is not guaranteed, so anything unexpected falls back to the function's own name.

/// `Type::method`, `outer::inner` or `function`.
pub(super) fn of(path: &str, module: &str, ident: &str) -> String {
    method(path, ident).or_else(|| free(path, module, ident)).unwrap_or_else(|| ident.to_owned())
}

/// Cuts the marker's segment, and the segments that closures and async bodies add.
fn enclosing(path: &str) -> Option<&str> {
    let mut rest = split_last(path)?.0;
    while let Some((head, "{{closure}}")) = split_last(rest) {
        rest = head;
    }
    Some(rest)
}

/// The part before and after the last `::` that stands outside of brackets.
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

/// The last segment of a type without its generic arguments; references and `dyn` are looked through.
fn type_name(path: &str) -> Option<&str> {
    let path = path.trim_start_matches(['&', '*']).trim_start_matches("mut ").trim_start_matches("dyn ");
    let path = path.split(['<', '+', ' ']).next()?.trim();
    let last = split_last(path).map_or(path, |(_, last)| last);
    let last = if last.is_empty() { split_last(path.trim_end_matches(':')).map_or(path, |(_, l)| l) } else { last };
    (!last.is_empty()).then_some(last)
}

fn method(path: &str, ident: &str) -> Option<String> {
    let (owner, name) = split_last(enclosing(path)?)?;
    if name != ident {
        return None;
    }
    if let Some(inner) = owner.strip_prefix('<').and_then(|o| o.strip_suffix('>')) {
        // `<Type as Trait>`; inside a trait's own default method, Type is `Self`.
        let (this, of) = split_as(inner)?;
        let this = if this == "Self" { of } else { this };
        return Some(format!("{}::{name}", type_name(this)?));
    }
    let (_, last) = split_last(owner)?;
    if let Some(inner) = last.strip_prefix("<impl ").and_then(|o| o.strip_suffix('>')) {
        let this = match inner.rfind(" for ") {
            Some(at) => &inner[at + 5..],
            None => inner,
        };
        return Some(format!("{}::{name}", type_name(this)?));
    }
    None
}

/// Splits `Type as Trait` at the ` as ` that stands outside of brackets.
fn split_as(inner: &str) -> Option<(&str, &str)> {
    let bytes = inner.as_bytes();
    let mut depth = 0i32;
    for at in 0..bytes.len() {
        match bytes[at] {
            b'<' | b'(' | b'[' => depth += 1,
            b'>' if at == 0 || bytes[at - 1] != b'-' => depth -= 1,
            b')' | b']' => depth -= 1,
            b' ' if depth == 0 && inner[at..].starts_with(" as ") => {
                return Some((&inner[..at], &inner[at + 4..]));
            }
            _ => {}
        }
    }
    None
}

/// What follows the module path: `function`, `Type::method`, `outer::inner`.
fn free(path: &str, module: &str, ident: &str) -> Option<String> {
    let rest = enclosing(path)?.strip_prefix(module)?.strip_prefix("::")?;
    let mut name = String::with_capacity(rest.len());
    let mut depth = 0i32;
    let mut previous = ' ';
    for c in rest.replace("::{{closure}}", "").chars() {
        match c {
            '<' => depth += 1,
            '>' if previous != '-' => depth -= 1,
            _ if depth == 0 => name.push(c),
            _ => {}
        }
        previous = c;
    }
    // `Type<T>::method` is printed as `Type<T>::method`; a turbofish leaves an empty segment behind.
    let name = name.replace("::::", "::");
    (name.rsplit("::").next() == Some(ident)).then_some(name)
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
        assert_eq!(of("a::m::T<alloc::vec::Vec<U>>::f::{{closure}}::mark", "a::m", "f"), "T::f");
        assert_eq!(of("<a::T as a::Tr>::f::mark", "a", "f"), "T::f");
        assert_eq!(of("<a::T<x::Y> as a::Tr<fn() -> u8>>::f::mark", "a", "f"), "T::f");
        assert_eq!(of("a::b::<impl a::c::T>::f::mark", "a::b", "f"), "T::f");
        assert_eq!(of("a::b::<impl a::c::Tr for a::c::T<u8>>::f::mark", "a::b", "f"), "T::f");
        assert_eq!(of("<&mut a::T as a::Tr>::f::mark", "a", "f"), "T::f");
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
