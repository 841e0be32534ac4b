//! The arguments of a call, and the schema that describes them.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::facts::functions::Of;
use crate::window::{self, Range};

/// An argument of a tool.
pub(super) struct Argument {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// A whole number from 1 to this.
    Number(u64),
    OneOf(&'static [&'static str]),
}

/// The schema of these arguments, of which none is required.
pub(super) fn schema(arguments: &[Argument]) -> Map<String, Value> {
    let property = |argument: &Argument| {
        let about = argument.about;
        let value = match argument.kind {
            Kind::Text => json!({"type": "string", "description": about}),
            Kind::Number(most) => json!({"type": "integer", "minimum": 1, "maximum": most, "description": about}),
            Kind::OneOf(names) => json!({"type": "string", "enum": names, "description": about}),
        };
        (argument.name.to_owned(), value)
    };
    let properties: Map<String, Value> = arguments.iter().map(property).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema
}

/// The arguments of one call.
pub(super) struct Given(Map<String, Value>);

impl Given {
    /// An error names what is not allowed, and what is.
    pub(super) fn checked(given: Map<String, Value>, known: &[Argument]) -> Result<Self, String> {
        for (name, value) in &given {
            let Some(argument) = known.iter().find(|argument| argument.name == name) else {
                let names: Vec<&str> = known.iter().map(|argument| argument.name).collect();
                let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                return Err(format!("argument {name:?} is not known; allowed: {names}"));
            };
            let (is_allowed, allowed) = match argument.kind {
                Kind::Text => (value.is_string(), "a text".to_owned()),
                Kind::Number(most) => (
                    value.as_u64().is_some_and(|number| (1..=most).contains(&number)),
                    format!("a whole number from 1 to {most}"),
                ),
                Kind::OneOf(names) => (value.as_str().is_some_and(|value| names.contains(&value)), names.join(", ")),
            };
            if !is_allowed {
                return Err(format!("{name} is {value}; allowed: {allowed}"));
            }
        }
        Ok(Self(given))
    }

    /// An empty text is none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn number(&self, name: &str, usual: usize) -> usize {
        let number = self.0.get(name).and_then(Value::as_u64);
        number.and_then(|number| usize::try_from(number).ok()).unwrap_or(usual)
    }

    pub(super) fn duration(&self, name: &str) -> Result<Option<Duration>, String> {
        let parse = |text: &str| window::duration(text).map_err(|allowed| format!("{name} is {text:?}; {allowed}"));
        self.text(name).map(parse).transpose()
    }

    pub(super) fn range(&self, name: &str) -> Result<Option<Range>, String> {
        let parse = |text: &str| window::range(text).map_err(|allowed| format!("{name} is {text:?}; {allowed}"));
        self.text(name).map(parse).transpose()
    }

    /// The range, or the last so many seconds.
    pub(super) fn of(&self, name: &str, usual_seconds: u64) -> Result<Of, String> {
        Ok(self.range(name)?.map_or(Of::Last(usual_seconds), Of::Range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Argument; 3] = [
        Argument { name: "limit", kind: Kind::Number(5), about: "" },
        Argument { name: "sort", kind: Kind::OneOf(&["a", "b"]), about: "" },
        Argument { name: "of", kind: Kind::Text, about: "" },
    ];

    fn checked(value: Value) -> Result<Given, String> {
        Given::checked(value.as_object().cloned().unwrap_or_default(), &KNOWN)
    }

    #[test]
    fn a_wrong_argument_is_named_with_what_is_allowed() {
        for (value, said) in [
            (json!({"limit": 6}), "limit is 6; allowed: a whole number from 1 to 5"),
            (json!({"limit": "5"}), "limit is \"5\""),
            (json!({"sort": "c"}), "sort is \"c\"; allowed: a, b"),
            (json!({"of": 1}), "of is 1; allowed: a text"),
            (json!({"speed": 1}), "\"speed\" is not known; allowed: limit, sort, of"),
        ] {
            let error = checked(value).err().unwrap();
            assert!(error.contains(said), "{error}");
        }
        let given = checked(json!({"limit": 3, "of": "yesterday"})).ok().unwrap();
        assert_eq!((given.number("limit", 9), given.number("other", 9)), (3, 9));
        assert!(given.of("of", 1).err().unwrap().contains("\"yesterday\"; allowed: "));
        assert_eq!(schema(&KNOWN)["properties"]["limit"]["maximum"], 5);
    }
}
