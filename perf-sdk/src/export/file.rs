//! HTML files that open from disk: one template, its parts, and a nonce for its scripts and styles.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::io::{self, Write};

use serde::Serialize;

use crate::snapshot::write_json;

/// A number that is used once. `RandomState` is seeded from the system's random number generator.
pub(in crate::export) fn nonce() -> String {
    let [upper, lower] = [0, 1].map(|part: u8| RandomState::new().hash_one(part));
    format!("{upper:016x}{lower:016x}")
}

/// JSON that may stand within a script: the end of a script cannot be written within one. In JSON,
/// the character is in strings.
pub(in crate::export) fn data(value: &impl Serialize) -> io::Result<String> {
    let mut data = Vec::new();
    write_json(value, &mut data)?;
    Ok(escaped(String::from_utf8_lossy(&data).trim_end()))
}

/// JSON that was written elsewhere, as it may stand within a script.
pub(in crate::export) fn escaped(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// Scripts as one. Indents and lines of comments are left out, which are a tenth of what is sent.
pub(in crate::export) fn joined(sources: &[&str]) -> String {
    let mut script = String::new();
    for line in sources.iter().flat_map(|source| lines(source)) {
        script.push_str(line);
        script.push('\n');
    }
    script
}

fn lines(source: &str) -> impl Iterator<Item = &str> {
    source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"))
}

/// Modules as one script, each after those that it imports: a file that is opened from disk cannot
/// import others. Each is a function that returns what it exports.
pub(in crate::export) fn bundled(modules: &[(&str, &str)]) -> String {
    let mut script = String::from("const modules = {};\n");
    for (name, source) in modules {
        let mut exports: Vec<&str> = Vec::new();
        script.push_str(&format!("modules[\"{}\"] = (() => {{\n", own_name(name)));
        for line in lines(source) {
            if let Some((imported, from)) = line.strip_prefix("import ").and_then(|rest| rest.split_once(" from \"")) {
                let imported = imported.strip_prefix("* as ").unwrap_or(imported);
                let from = own_name(from.trim_end_matches("\";"));
                script.push_str(&format!("const {imported} = modules[\"{from}\"];\n"));
                continue;
            }
            let exported = line.strip_prefix("export ");
            exports.extend(exported.and_then(declared));
            script.push_str(exported.unwrap_or(line));
            script.push('\n');
        }
        script.push_str(&format!("return {{ {} }};\n}})();\n", exports.join(", ")));
    }
    script
}

/// The last part of a path.
fn own_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The name that a declaration gives.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
    let kinds = ["async", "function", "const", "let", "class"];
    words.find(|word| !word.is_empty() && !kinds.contains(word))
}

/// Writes a template, with a part in the place of each mark, such as `@DATA@`.
pub(in crate::export) fn fill(template: &str, parts: &[(&str, &str)], to: &mut impl Write) -> io::Result<()> {
    let mut rest = template;
    while let Some((at, (mark, part))) =
        parts.iter().filter_map(|part| Some((rest.find(part.0)?, part))).min_by_key(|(at, _)| *at)
    {
        to.write_all(&rest.as_bytes()[..at])?;
        to.write_all(part.as_bytes())?;
        rest = &rest[at + mark.len()..];
    }
    to.write_all(rest.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_become_functions_that_return_their_exports() {
        let one = "// A comment.\nimport { b } from \"./zero.js\";\n\nexport const x = b(1);\n  export function f() {\n  }\nlet own;\n";
        let two =
            "import * as one from \"../one.js\";\nexport class C {}\nexport async function g() {}\nexport let y = 1;\n";
        assert_eq!(
            bundled(&[("one.js", one), ("folder/two.js", two)]),
            "const modules = {};\nmodules[\"one.js\"] = (() => {\nconst { b } = modules[\"zero.js\"];\nconst x = b(1);\n\
             function f() {\n}\nlet own;\nreturn { x, f };\n})();\nmodules[\"two.js\"] = (() => {\n\
             const one = modules[\"one.js\"];\nclass C {}\nasync function g() {}\nlet y = 1;\nreturn { C, g, y };\n})();\n"
        );
    }

    #[test]
    fn parts_are_not_looked_into() {
        let mut file = Vec::new();
        fill("a @A@ b @B@ c", &[("@A@", "@B@"), ("@B@", "@A@")], &mut file).unwrap();
        assert_eq!(String::from_utf8(file).unwrap(), "a @B@ b @A@ c");
        assert_eq!(data(&"</script>").unwrap(), "\"\\u003c/script>\"");
    }
}
