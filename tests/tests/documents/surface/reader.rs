//! The public items of a crate, from rustdoc's JSON.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::types::{foreign, is, list, qualifiers, text, variant};

/// The auto traits. Others are unstable.
const AUTO_TRAITS: [&str; 5] = ["RefUnwindSafe", "Send", "Sync", "Unpin", "UnwindSafe"];

/// A public item, with all that a program can rely on.
#[derive(Debug, Default)]
pub(super) struct Item {
    /// What precedes the name, such as `#[must_use] struct`.
    kind: String,
    /// What follows the name.
    rest: String,
    /// Fields and variants in the order of the source, then methods by name.
    members: Vec<String>,
    /// Such as `impl Clone` and `not Send`.
    traits: BTreeSet<String>,
}

/// Items by path, without the name of the crate.
pub(super) type Surface = BTreeMap<String, Item>;

/// The output of rustdoc for a crate.
pub(super) struct Crate {
    json: Value,
    /// The shortest public path of each item, by id.
    places: BTreeMap<u64, String>,
}

impl Crate {
    pub(super) fn read(json: Value) -> Self {
        let mut this = Self { json, places: BTreeMap::new() };
        let mut places = BTreeMap::new();
        for (path, id) in this.walk() {
            // Of several equally short paths, the last in the alphabet: what is in both `pool` and
            // `snapshot` is in `snapshot` with any features.
            let length = |path: &str| (path.matches("::").count(), Reverse(path.to_owned()));
            let place = places.entry(id).or_insert_with(|| path.clone());
            if length(&path) < length(place) {
                *place = path;
            }
        }
        this.places = places;
        this
    }

    pub(super) fn surface(&self) -> Surface {
        let mut surface = Surface::new();
        let mut seen = BTreeSet::new();
        for (path, id) in self.walk() {
            let item = match self.places.get(&id) {
                Some(place) if *place != path => {
                    Item { kind: "use".to_owned(), rest: format!(" = {place}"), ..Item::default() }
                }
                _ => self.item(id, &mut seen),
            };
            surface.insert(path, item);
        }
        let mut others = Item { kind: "impl".to_owned(), ..Item::default() };
        for (id, item) in self.json["index"].as_object().expect("an index") {
            if let ("impl", inner) = variant(&item["inner"])
                && !seen.contains(id.as_str())
                && self.is_for_others(inner)
            {
                others.traits.extend(self.implementation(inner, None));
            }
        }
        surface.insert("(types of others)".to_owned(), others);
        surface
    }

    fn get(&self, id: u64) -> Option<&Value> {
        self.json["index"].get(id.to_string())
    }

    /// All public paths, with the id of the item. Items of other crates are not in the index.
    fn walk(&self) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        let mut open = vec![(String::new(), number(&self.json["root"]))];
        while let Some((prefix, module)) = open.pop() {
            let module = self.get(module).expect("a module of this crate");
            for id in list(&module["inner"]["module"]["items"]).iter().map(number) {
                let item = self.get(id).expect("an item of this crate");
                let (name, id) = match variant(&item["inner"]) {
                    ("use", inner) if is(&inner["is_glob"]) => match number(&inner["id"]) {
                        of if self.get(of).is_some() => {
                            open.push((prefix.clone(), of));
                            continue;
                        }
                        of => ("*", of),
                    },
                    ("use", inner) => (text(&inner["name"]), number(&inner["id"])),
                    _ => (text(&item["name"]), id),
                };
                let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
                if self.get(id).is_some_and(|item| variant(&item["inner"]).0 == "module") {
                    open.push((path.clone(), id));
                }
                found.push((path, id));
            }
        }
        found
    }

    /// The full path of what `path` names: the public one of an item of this crate.
    pub(super) fn name_of(&self, path: &Value) -> String {
        let id = number(&path["id"]);
        if let Some(place) = self.places.get(&id).filter(|_| self.get(id).is_some()) {
            return place.clone();
        }
        let known = &self.json["paths"][id.to_string()];
        let parts: Vec<&str> = list(&known["path"]).iter().map(text).collect();
        match parts.last() {
            Some(name) if number(&known["crate_id"]) == 0 => format!("hidden::{name}"),
            Some(_) => foreign(&parts),
            None => text(&path["path"]).to_owned(),
        }
    }

    fn item<'a>(&'a self, id: u64, seen: &mut BTreeSet<&'a str>) -> Item {
        let Some(item) = self.get(id) else {
            let known = &self.json["paths"][id.to_string()];
            // The name of the macro in its own crate is not public.
            return match text(&known["kind"]) {
                "proc_attribute" => Item { kind: "attribute macro".to_owned(), ..Item::default() },
                _ => {
                    let parts: Vec<&str> = list(&known["path"]).iter().map(text).collect();
                    Item { kind: "use".to_owned(), rest: format!(" = {}", foreign(&parts)), ..Item::default() }
                }
            };
        };
        let (kind, inner) = variant(&item["inner"]);
        let generics = || self.generics(&inner["generics"]);
        let mut found = Item { kind: attributes(item) + kind, ..Item::default() };
        match kind {
            "module" => {}
            "function" => {
                found.kind = format!("{}{}fn", attributes(item), qualifiers(&inner["header"]));
                found.rest = self.function(inner);
            }
            "macro" => found.rest = patterns(text(inner)),
            "constant" => found.rest = format!(": {}", self.type_of(&inner["type"])),
            "static" => found.rest = format!(": {}", self.type_of(&inner["type"])),
            "type_alias" => {
                found.kind = "type".to_owned();
                found.rest = format!("{} = {}", generics().parameters, self.type_of(&inner["type"]));
            }
            "struct" => {
                found.rest = generics().parameters + &generics().clause;
                found.members = self.fields(&inner["kind"]);
            }
            "enum" => {
                found.rest = generics().parameters + &generics().clause;
                found.members = list(&inner["variants"]).iter().map(|id| self.variant_of(number(id))).collect();
            }
            "trait" => {
                let bounds = self.bounds(&inner["bounds"]);
                let bounds = if bounds.is_empty() { bounds } else { format!(": {bounds}") };
                found.rest = generics().parameters + &bounds + &generics().clause;
                for id in list(&inner["items"]).iter().map(number) {
                    found.members.push(self.member(id));
                }
            }
            _ => panic!("an item that this reader does not know: {item}"),
        }
        let mut methods = Vec::new();
        for id in list(&inner["impls"]).iter().map(number) {
            let Some((name, item)) =
                self.json["index"].as_object().and_then(|index| index.get_key_value(&id.to_string()))
            else {
                continue;
            };
            seen.insert(name);
            let inner = &item["inner"]["impl"];
            if inner["trait"].is_null() {
                let of = list(&inner["items"]).iter().map(number);
                let public = of.filter(|id| self.get(*id).is_some_and(|item| item["visibility"] == "public"));
                let asked = self.generics(&inner["generics"]).asked;
                methods.extend(public.map(|id| self.member(id) + &asked));
            } else {
                found.traits.extend(self.implementation(inner, Some(&generics().names)));
            }
        }
        // By name: the order of `impl` blocks has no meaning.
        methods.sort_by_key(|line| line.split_once("fn ").map_or_else(String::new, |(_, name)| name.to_owned()));
        found.members.append(&mut methods);
        found
    }

    fn fields(&self, kind: &Value) -> Vec<String> {
        let (ids, mut is_stripped) = match variant(kind) {
            ("unit", _) => return vec!["(unit)".to_owned()],
            ("tuple", fields) => (list(fields), false),
            ("plain" | "struct", plain) => (list(&plain["fields"]), is(&plain["has_stripped_fields"])),
            _ => panic!("fields that this reader does not know: {kind}"),
        };
        let mut lines = Vec::new();
        for id in ids {
            match id.as_u64().and_then(|id| self.get(id)) {
                Some(field) => {
                    let of = self.type_of(&field["inner"]["struct_field"]);
                    lines.push(format!("{}: {of}", text(&field["name"])));
                }
                None => is_stripped = true,
            }
        }
        if is_stripped {
            lines.push("..".to_owned());
        }
        lines
    }

    fn variant_of(&self, id: u64) -> String {
        let item = self.get(id).expect("a variant");
        let name = format!("{}{}", attributes(item), text(&item["name"]));
        let kind = &item["inner"]["variant"]["kind"];
        match variant(kind).0 {
            "plain" => name,
            "tuple" => {
                let fields = self.fields(kind);
                let of: Vec<&str> =
                    fields.iter().map(|field| field.split_once(": ").map_or(field.as_str(), |(_, of)| of)).collect();
                format!("{name}({})", of.join(", "))
            }
            _ => format!("{name} {{ {} }}", self.fields(kind).join(", ")),
        }
    }

    fn function(&self, inner: &Value) -> String {
        let generics = self.generics(&inner["generics"]);
        format!("{}{}{}", generics.parameters, self.signature(&inner["sig"]), generics.clause)
    }

    /// A member of a trait or of an `impl` block.
    fn member(&self, id: u64) -> String {
        let item = self.get(id).expect("a member");
        let (kind, inner) = variant(&item["inner"]);
        let (attributes, name) = (attributes(item), text(&item["name"]));
        match kind {
            "function" => {
                let has_default = item["visibility"] == "default" && is(&inner["has_body"]);
                let provided = if has_default { "provided " } else { "" };
                format!("{attributes}{provided}{}fn {name}{}", qualifiers(&inner["header"]), self.function(inner))
            }
            "assoc_const" => format!("{attributes}const {name}: {}", self.type_of(&inner["type"])),
            "assoc_type" => {
                let bounds = self.bounds(&inner["bounds"]);
                format!("{attributes}type {name}{}{bounds}", if bounds.is_empty() { "" } else { ": " })
            }
            _ => panic!("a member that this reader does not know: {item}"),
        }
    }

    /// The line for an implementation of a trait, if it needs one. `names` are the parameters of
    /// the type that it is listed with.
    fn implementation(&self, inner: &Value, names: Option<&str>) -> Option<String> {
        if !inner["blanket_impl"].is_null() {
            return None;
        }
        let named = self.path(&inner["trait"]);
        let short = named.rsplit("::").next().unwrap_or_default();
        let generics = self.generics(&inner["generics"]);
        if is(&inner["is_synthetic"]) || AUTO_TRAITS.contains(&short) {
            // An auto trait without conditions is the normal case, which is not listed.
            return match AUTO_TRAITS.contains(&short) {
                true if is(&inner["is_negative"]) => Some(format!("not {short}")),
                // The condition is a type that pin-project-lite generates.
                true if generics.conditions.contains("pin_project_lite") => {
                    Some(format!("impl {short} where its pinned fields: {short}"))
                }
                true if !generics.conditions.is_empty() => Some(format!("impl {short}{}", generics.conditions)),
                _ => None,
            };
        }
        if short == "StructuralPartialEq" || self.is_hidden(&named) {
            return None;
        }
        let of = &inner["for"];
        let is_plain = variant(of).0 == "resolved_path" && names.is_some_and(|names| self.type_of(of).ends_with(names));
        let types: Vec<String> = list(&inner["items"])
            .iter()
            .filter_map(|id| self.get(number(id)))
            .filter_map(|item| match variant(&item["inner"]) {
                ("assoc_type", inner) => Some(format!("{} = {}", text(&item["name"]), self.type_of(&inner["type"]))),
                _ => None,
            })
            .collect();
        let types = if types.is_empty() { String::new() } else { format!(" {{ {} }}", types.join(", ")) };
        let safety = if is(&inner["is_unsafe"]) { "unsafe " } else { "" };
        Some(if is_plain {
            format!("{safety}impl {named}{types}{}", generics.asked)
        } else {
            format!("{safety}impl{} {named} for {}{types}{}", generics.parameters, self.type_of(of), generics.clause)
        })
    }

    fn is_hidden(&self, named: &str) -> bool {
        named.starts_with("hidden::")
    }

    /// Whether it implements a trait for a type of another crate.
    fn is_for_others(&self, inner: &Value) -> bool {
        let is_explicit = !inner["trait"].is_null() && !is(&inner["is_synthetic"]);
        let (kind, of) = variant(&inner["for"]);
        let is_ours =
            kind == "resolved_path" && number(&self.json["paths"][number(&of["id"]).to_string()]["crate_id"]) == 0;
        // rustdoc lists blanket implementations of foreign traits with each type.
        let trait_is_ours = || number(&self.json["paths"][number(&inner["trait"]["id"]).to_string()]["crate_id"]) == 0;
        is_explicit && !is_ours && (kind != "generic" || trait_is_ours())
    }
}

impl Item {
    /// One line for each thing that a program can rely on.
    pub(super) fn promises(&self, path: &str) -> Vec<String> {
        let within = self.members.iter().chain(&self.traits).map(|line| format!("{path}: {line}"));
        std::iter::once(self.head(path)).chain(within).collect()
    }

    fn head(&self, path: &str) -> String {
        format!("{} {path}{}", self.kind, self.rest)
    }

    /// The text in the list: traits without conditions are on one line.
    pub(super) fn shown(&self, path: &str) -> String {
        let mut text = self.head(path) + "\n";
        for member in &self.members {
            text += &format!("    {member}\n");
        }
        let (short, long): (Vec<&String>, Vec<&String>) =
            self.traits.iter().partition(|line| line.matches(' ').count() == 1 && line.starts_with("impl "));
        if !short.is_empty() {
            let names: Vec<&str> = short.iter().map(|line| &line["impl ".len()..]).collect();
            text += &format!("    impl {}\n", names.join(", "));
        }
        for line in long {
            text += &format!("    {line}\n");
        }
        text
    }
}

pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not a number: {value}"))
}

/// The attributes that matter to programs, such as `#[must_use] `. Older formats have them as text.
fn attributes(item: &Value) -> String {
    let has = |name: &str| list(&item["attrs"]).iter().any(|each| each.to_string().contains(name));
    let mut words = String::new();
    for name in ["non_exhaustive", "must_use"] {
        if has(name) {
            words += &format!("#[{name}] ");
        }
    }
    if !item["deprecation"].is_null() {
        words += "#[deprecated] ";
    }
    words
}

/// The patterns of a macro, without white space: rustdoc formats it.
fn patterns(source: &str) -> String {
    let arms = source.split_once('{').map_or("", |(_, arms)| arms).split("=>");
    let mut found = Vec::new();
    for arm in arms {
        let start =
            arm.rfind("};").or_else(|| arm.rfind(';')).map_or(arm, |at| arm[at..].trim_start_matches(['}', ';']));
        let pattern: String = start.chars().filter(|c| !c.is_whitespace()).collect();
        if !pattern.is_empty() && pattern != "}" {
            found.push(pattern);
        }
    }
    format!("! {}", found.join(" "))
}
