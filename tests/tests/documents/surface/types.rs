//! Types, bounds and generics from rustdoc's JSON as text, in a format that no toolchain changes.

use serde_json::Value;

use super::reader::Crate;

/// Modules of the standard library that are left out before a name.
const PRELUDE: [&str; 11] =
    ["boxed", "clone", "cmp", "convert", "default", "iter", "marker", "option", "result", "string", "vec"];
/// Names that are clear without their module.
const KNOWN: [&str; 8] = ["Debug", "Display", "Drop", "Fn", "FnMut", "FnOnce", "Future", "Hash"];

/// The path of an item of another crate. Inner modules are left out, since they may move.
pub(super) fn foreign(path: &[&str]) -> String {
    match path {
        ["alloc" | "core" | "std", module, .., name] => {
            let is_known = PRELUDE.contains(module) || KNOWN.contains(name);
            if is_known { (*name).to_owned() } else { format!("std::{module}::{name}") }
        }
        ["alloc" | "core" | "std", name] => format!("std::{name}"),
        // The crate that defines the traits of `serde`.
        ["serde_core", .., name] => format!("serde::{name}"),
        [first, .., name] => format!("{first}::{name}"),
        _ => path.join("::"),
    }
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

pub(super) fn is(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| panic!("neither true nor false: {value}"))
}

/// The name and the content of an enum's variant. A variant without content is a string.
pub(super) fn variant(value: &Value) -> (&str, &Value) {
    match value {
        Value::String(name) => (name, &Value::Null),
        Value::Object(entries) if entries.len() == 1 => {
            let (name, content) = entries.iter().next().expect("one entry");
            (name, content)
        }
        _ => panic!("not one of several: {value}"),
    }
}

fn joined<'a>(values: &'a Value, separator: &str, write: impl Fn(&'a Value) -> String) -> String {
    list(values).iter().map(write).collect::<Vec<_>>().join(separator)
}

/// Generic parameters and their bounds.
pub(super) struct Generics {
    /// Such as `<'a, T: Clone>`, or empty.
    pub(super) parameters: String,
    /// Such as ` where &T: Copy`, or empty: bounds on types that are no parameters.
    pub(super) clause: String,
    /// The names only, such as `<'a, T>`.
    pub(super) names: String,
    /// All bounds, such as ` where T: Clone`: for an implementation with its type's parameters.
    pub(super) asked: String,
    /// The same without `?Sized`, which is no condition.
    pub(super) conditions: String,
}

impl Crate {
    pub(super) fn type_of(&self, value: &Value) -> String {
        let (kind, inner) = variant(value);
        match kind {
            "resolved_path" => self.path(inner),
            "generic" | "primitive" => text(inner).to_owned(),
            "infer" => "_".to_owned(),
            "tuple" if list(inner).len() == 1 => format!("({},)", self.type_of(&inner[0])),
            "tuple" => format!("({})", joined(inner, ", ", |each| self.type_of(each))),
            "slice" => format!("[{}]", self.type_of(inner)),
            "array" => format!("[{}; {}]", self.type_of(&inner["type"]), text(&inner["len"])),
            "impl_trait" => format!("impl {}", self.bounds(inner)),
            "raw_pointer" => {
                let kind = if is(&inner["is_mutable"]) { "mut" } else { "const" };
                format!("*{kind} {}", self.type_of(&inner["type"]))
            }
            "borrowed_ref" => format!("{}{}", reference(inner), self.type_of(&inner["type"])),
            "qualified_path" => {
                let of = self.type_of(&inner["self_type"]);
                let name = text(&inner["name"]);
                match &inner["trait"] {
                    Value::Null => format!("{of}::{name}"),
                    // rustdoc leaves out the name of the trait where it is clear.
                    named if named["path"] == "" => format!("{of}::{name}"),
                    named => format!("<{of} as {}>::{name}{}", self.path(named), self.arguments(&inner["args"])),
                }
            }
            "function_pointer" => {
                let generics = self.higher(&inner["generic_params"]);
                format!("{generics}{}fn{}", qualifiers(&inner["header"]), self.signature(&inner["sig"]))
            }
            "dyn_trait" => {
                let mut parts: Vec<String> = list(&inner["traits"])
                    .iter()
                    .map(|each| format!("{}{}", self.higher(&each["generic_params"]), self.path(&each["trait"])))
                    .collect();
                parts.sort();
                parts.extend(inner["lifetime"].as_str().map(str::to_owned));
                format!("dyn {}", parts.join(" + "))
            }
            _ => panic!("a type that this reader does not know: {value}"),
        }
    }

    pub(super) fn path(&self, path: &Value) -> String {
        format!("{}{}", self.name_of(path), self.arguments(&path["args"]))
    }

    fn arguments(&self, value: &Value) -> String {
        if value.is_null() {
            return String::new();
        }
        match variant(value) {
            ("angle_bracketed", inner) => {
                let given = list(&inner["args"]).iter().map(|each| match variant(each) {
                    ("lifetime", name) => text(name).to_owned(),
                    ("type", of) => self.type_of(of),
                    ("const", of) => text(&of["expr"]).to_owned(),
                    ("infer", _) => "_".to_owned(),
                    _ => panic!("an argument that this reader does not know: {each}"),
                });
                let bound = list(&inner["constraints"]).iter().map(|each| match variant(&each["binding"]) {
                    ("equality", to) => format!("{} = {}", text(&each["name"]), self.type_of(&to["type"])),
                    (_, bounds) => format!("{}: {}", text(&each["name"]), self.bounds(bounds)),
                });
                let all: Vec<String> = given.chain(bound).collect();
                if all.is_empty() { String::new() } else { format!("<{}>", all.join(", ")) }
            }
            ("parenthesized", inner) => {
                let inputs = joined(&inner["inputs"], ", ", |each| self.type_of(each));
                format!("({inputs}){}", self.output(&inner["output"]))
            }
            _ => panic!("arguments that this reader does not know: {value}"),
        }
    }

    /// Such as `(&self, u64) -> String`, without the names of arguments.
    pub(super) fn signature(&self, value: &Value) -> String {
        let inputs: Vec<String> = list(&value["inputs"])
            .iter()
            .map(|each| match (&each[0], variant(&each[1])) {
                (name, ("generic", of)) if name == "self" && of == "Self" => "self".to_owned(),
                (name, ("borrowed_ref", inner)) if name == "self" && inner["type"]["generic"] == "Self" => {
                    format!("{}self", reference(inner))
                }
                (name, _) if name == "self" => format!("self: {}", self.type_of(&each[1])),
                _ => self.type_of(&each[1]),
            })
            .collect();
        format!("({}){}", inputs.join(", "), self.output(&value["output"]))
    }

    fn output(&self, value: &Value) -> String {
        if value.is_null() { String::new() } else { format!(" -> {}", self.type_of(value)) }
    }

    /// Bounds in alphabetical order: their order in the source has no meaning.
    pub(super) fn bounds(&self, value: &Value) -> String {
        self.each_bound(value).join(" + ")
    }

    fn each_bound(&self, value: &Value) -> Vec<String> {
        let mut bounds: Vec<String> = list(value)
            .iter()
            .map(|each| match variant(each) {
                ("outlives", lifetime) => text(lifetime).to_owned(),
                ("use", captured) => {
                    let names = joined(captured, ", ", |each| text(variant(each).1).to_owned());
                    format!("use<{names}>")
                }
                ("trait_bound", bound) => {
                    let modifier = if bound["modifier"] == "maybe" { "?" } else { "" };
                    format!("{modifier}{}{}", self.higher(&bound["generic_params"]), self.path(&bound["trait"]))
                }
                _ => panic!("a bound that this reader does not know: {each}"),
            })
            .collect();
        bounds.sort();
        bounds.dedup();
        bounds
    }

    /// Such as `for<'a> `, or empty.
    fn higher(&self, parameters: &Value) -> String {
        let names = joined(parameters, ", ", |each| text(&each["name"]).to_owned());
        if names.is_empty() { names } else { format!("for<{names}> ") }
    }

    /// The same text for a bound in the declaration and for one in a `where` clause.
    pub(super) fn generics(&self, value: &Value) -> Generics {
        let (mut declared, mut clause) = (Vec::new(), Vec::new());
        for each in list(&value["params"]) {
            let name = text(&each["name"]);
            match variant(&each["kind"]) {
                ("lifetime", kind) => {
                    let outlives = list(&kind["outlives"]).iter().map(|each| text(each).to_owned()).collect();
                    declared.push(("", name, outlives, String::new()));
                }
                ("type", kind) if is(&kind["is_synthetic"]) => {}
                ("type", kind) => {
                    let default = match &kind["default"] {
                        Value::Null => String::new(),
                        default => format!(" = {}", self.type_of(default)),
                    };
                    declared.push(("", name, self.each_bound(&kind["bounds"]), default));
                }
                ("const", kind) => declared.push(("const ", name, vec![self.type_of(&kind["type"])], String::new())),
                _ => panic!("a parameter that this reader does not know: {each}"),
            }
        }
        for each in list(&value["where_predicates"]) {
            match variant(each) {
                ("bound_predicate", asked) => {
                    let of = self.type_of(&asked["type"]);
                    let higher = self.higher(&asked["generic_params"]);
                    match declared.iter_mut().find(|(_, name, ..)| higher.is_empty() && *name == of) {
                        Some((_, _, bounds, _)) => bounds.extend(self.each_bound(&asked["bounds"])),
                        None => clause.push(format!("{higher}{of}: {}", self.bounds(&asked["bounds"]))),
                    }
                }
                ("lifetime_predicate", asked) => {
                    let outlives = joined(&asked["outlives"], " + ", |each| text(each).to_owned());
                    clause.push(format!("{}: {outlives}", text(&asked["lifetime"])));
                }
                _ => panic!("a clause that this reader does not know: {each}"),
            }
        }
        let (mut parameters, mut names) = (Vec::new(), Vec::new());
        let (mut asked, mut conditions) = (Vec::new(), Vec::new());
        for (kind, name, mut bounds, default) in declared {
            bounds.sort();
            bounds.dedup();
            names.push(name.to_owned());
            if bounds.is_empty() {
                parameters.push(format!("{kind}{name}{default}"));
            } else {
                parameters.push(format!("{kind}{name}: {}{default}", bounds.join(" + ")));
                if kind.is_empty() {
                    asked.push(format!("{name}: {}", bounds.join(" + ")));
                    bounds.retain(|bound| bound != "?Sized");
                    conditions.extend((!bounds.is_empty()).then(|| format!("{name}: {}", bounds.join(" + "))));
                }
            }
        }
        clause.sort();
        asked.extend(clause.iter().cloned());
        conditions.extend(clause.iter().cloned());
        let within = |open: &str, parts: Vec<String>, close: &str| {
            if parts.is_empty() { String::new() } else { format!("{open}{}{close}", parts.join(", ")) }
        };
        Generics {
            parameters: within("<", parameters, ">"),
            clause: within(" where ", clause, ""),
            names: within("<", names, ">"),
            asked: within(" where ", asked, ""),
            conditions: within(" where ", conditions, ""),
        }
    }
}

fn reference(value: &Value) -> String {
    let lifetime = value["lifetime"].as_str().map_or(String::new(), |name| format!("{name} "));
    format!("&{lifetime}{}", if is(&value["is_mutable"]) { "mut " } else { "" })
}

/// Such as `const unsafe `, or empty.
pub(super) fn qualifiers(header: &Value) -> String {
    let mut words = String::new();
    for (key, word) in [("is_const", "const "), ("is_async", "async "), ("is_unsafe", "unsafe ")] {
        if is(&header[key]) {
            words += word;
        }
    }
    match variant(&header["abi"]) {
        ("Rust", _) => words,
        (abi, _) => format!("{words}extern \"{abi}\" "),
    }
}
