//! A JSON document as a value, from which types are read.
//!
//! struson's own deserializer would be compiled into each type that is read, twice: JSON may also
//! give a struct as an array. That was an eighth of all machine code of this crate.

use std::io::Read;

use serde::de::value::{Error, MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, Expected, IntoDeserializer, Unexpected, Visitor};
use struson::reader::{JsonReader as _, JsonStreamReader, ReaderError, ValueType};

/// Any JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Natural(u64),
    Negative(i64),
    Real(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads the next value. How deeply values may be nested is limited by the reader.
    pub(super) fn read(reader: &mut JsonStreamReader<&mut dyn Read>) -> Result<Self, ReaderError> {
        Ok(match reader.peek()? {
            ValueType::Null => {
                reader.next_null()?;
                Self::Null
            }
            ValueType::Boolean => Self::Bool(reader.next_bool()?),
            ValueType::Number => Self::number(reader.next_number_as_str()?),
            ValueType::String => Self::Text(reader.next_string()?),
            ValueType::Array => {
                let mut items = Vec::new();
                reader.begin_array()?;
                while reader.has_next()? {
                    items.push(Self::read(reader)?);
                }
                reader.end_array()?;
                Self::List(items)
            }
            ValueType::Object => {
                let mut entries = Vec::new();
                reader.begin_object()?;
                while reader.has_next()? {
                    let name = reader.next_name_owned()?;
                    entries.push((name, Self::read(reader)?));
                }
                reader.end_object()?;
                Self::Object(entries)
            }
        })
    }

    /// A number as JSON has it, which the reader has checked.
    fn number(text: &str) -> Self {
        if let Ok(natural) = text.parse() {
            Self::Natural(natural)
        } else if let Ok(negative) = text.parse() {
            Self::Negative(negative)
        } else {
            Self::Real(text.parse().unwrap_or(f64::NAN))
        }
    }

    #[cold]
    fn refused(&self, expected: &dyn Expected) -> Error {
        let found = match self {
            Self::Null => Unexpected::Unit,
            Self::Bool(bool) => Unexpected::Bool(*bool),
            Self::Natural(number) => Unexpected::Unsigned(*number),
            Self::Negative(number) => Unexpected::Signed(*number),
            Self::Real(number) => Unexpected::Float(*number),
            Self::Text(text) => Unexpected::Str(text),
            Self::List(_) => Unexpected::Seq,
            Self::Object(_) => Unexpected::Map,
        };
        Error::invalid_type(found, expected)
    }
}

impl<'de> IntoDeserializer<'de, Error> for Json {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// One method for several, which read the same.
macro_rules! deserialize {
    ([$($method:ident $( ($($extra:ty),*) )?),*] $self:ident, $visitor:ident => $body:expr) => {
        $(
            fn $method<V: Visitor<'de>>($self, $( $(_: $extra,)* )? $visitor: V) -> Result<V::Value, Error> {
                $body
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Json {
    type Error = Error;

    deserialize!([deserialize_any] self, visitor => match self {
        Self::Null => visitor.visit_unit(),
        Self::Bool(bool) => visitor.visit_bool(bool),
        Self::Natural(number) => visitor.visit_u64(number),
        Self::Negative(number) => visitor.visit_i64(number),
        Self::Real(number) => visitor.visit_f64(number),
        Self::Text(text) => visitor.visit_string(text),
        Self::List(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter())),
        Self::Object(entries) => visitor.visit_map(MapDeserializer::new(entries.into_iter())),
    });

    deserialize!([
        deserialize_i8, deserialize_i16, deserialize_i32, deserialize_i64, deserialize_i128, deserialize_u8,
        deserialize_u16, deserialize_u32, deserialize_u64, deserialize_u128, deserialize_f32, deserialize_f64
    ] self, visitor => match self {
        Self::Natural(number) => visitor.visit_u64(number),
        Self::Negative(number) => visitor.visit_i64(number),
        Self::Real(number) => visitor.visit_f64(number),
        other => Err(other.refused(&visitor)),
    });

    deserialize!([
        deserialize_char, deserialize_str, deserialize_string, deserialize_bytes, deserialize_byte_buf,
        deserialize_identifier
    ] self, visitor => match self {
        Self::Text(text) => visitor.visit_string(text),
        other => Err(other.refused(&visitor)),
    });

    deserialize!([deserialize_bool] self, visitor => match self {
        Self::Bool(bool) => visitor.visit_bool(bool),
        other => Err(other.refused(&visitor)),
    });

    deserialize!([deserialize_option] self, visitor => match self {
        Self::Null => visitor.visit_none(),
        some => visitor.visit_some(some),
    });

    deserialize!([deserialize_unit, deserialize_unit_struct(&'static str)] self, visitor => match self {
        Self::Null => visitor.visit_unit(),
        other => Err(other.refused(&visitor)),
    });

    deserialize!([deserialize_newtype_struct(&'static str)] self, visitor => visitor.visit_newtype_struct(self));

    deserialize!([
        deserialize_seq, deserialize_tuple(usize), deserialize_tuple_struct(&'static str, usize)
    ] self, visitor => match self {
        Self::List(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter())),
        other => Err(other.refused(&visitor)),
    });

    deserialize!([
        deserialize_map, deserialize_struct(&'static str, &'static [&'static str])
    ] self, visitor => match self {
        Self::Object(entries) => visitor.visit_map(MapDeserializer::new(entries.into_iter())),
        other => Err(other.refused(&visitor)),
    });

    deserialize!([deserialize_enum(&'static str, &'static [&'static str])] self, visitor => match self {
        Self::Text(name) => visitor.visit_enum(name.into_deserializer()),
        // The variant's name, and what it has.
        Self::Object(entries) if entries.len() == 1 => {
            visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(entries.into_iter())))
        }
        other => Err(other.refused(&visitor)),
    });

    deserialize!([deserialize_ignored_any] self, visitor => visitor.visit_unit());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct All {
        small: u8,
        signed: i64,
        real: f64,
        whole: f64,
        flag: bool,
        text: String,
        none: Option<u32>,
        some: Option<u32>,
        #[serde(default)]
        absent: Vec<u32>,
        pair: (u64, String),
        map: BTreeMap<String, i64>,
        unit: Kind,
        newtype: Kind,
        fields: Kind,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    enum Kind {
        Unit,
        Newtype(u64),
        Fields { a: u64 },
    }

    fn read<'de, T: Deserialize<'de>>(text: &str) -> Result<T, Error> {
        let mut bytes = text.as_bytes();
        let bytes: &mut dyn Read = &mut bytes;
        T::deserialize(Json::read(&mut JsonStreamReader::new(bytes)).expect("JSON"))
    }

    #[test]
    fn every_type_is_read() {
        let text = r#"{"small": 255, "signed": -9223372036854775808, "real": -1.5e3, "whole": 7, "flag": true,
            "text": "\u00e4\"", "none": null, "some": 3, "unknown": [{"x": [null]}], "pair": [18446744073709551615, ""],
            "map": {"b": 1, "a": -1}, "unit": "Unit", "newtype": {"Newtype": 4}, "fields": {"Fields": {"a": 5}}}"#;
        let expected = All {
            small: 255,
            signed: i64::MIN,
            real: -1_500.0,
            whole: 7.0,
            flag: true,
            text: "ä\"".into(),
            none: None,
            some: Some(3),
            absent: Vec::new(),
            pair: (u64::MAX, String::new()),
            map: BTreeMap::from([("a".into(), -1), ("b".into(), 1)]),
            unit: Kind::Unit,
            newtype: Kind::Newtype(4),
            fields: Kind::Fields { a: 5 },
        };
        assert_eq!(read::<All>(text), Ok(expected));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let said = |error: Error| error.to_string();
        assert!(said(read::<u8>("256").unwrap_err()).contains("`256`, expected u8"));
        assert!(said(read::<u64>("-1").unwrap_err()).contains("`-1`, expected u64"));
        assert!(said(read::<u64>("1.5").unwrap_err()).contains("`1.5`, expected u64"));
        assert!(said(read::<String>("[]").unwrap_err()).contains("sequence, expected a string"));
        assert!(said(read::<Vec<u8>>("{}").unwrap_err()).contains("map, expected a sequence"));
        assert!(said(read::<Kind>("\"Other\"").unwrap_err()).contains("`Other`"));
        assert!(said(read::<Kind>(r#"{"Unit": null, "Newtype": 1}"#).unwrap_err()).contains("map"));
        assert!(said(read::<All>("{}").unwrap_err()).contains("small"));
    }

    #[test]
    fn depth_is_limited() {
        let text = "[".repeat(100_000);
        let mut bytes = text.as_bytes();
        let bytes: &mut dyn Read = &mut bytes;
        assert!(Json::read(&mut JsonStreamReader::new(bytes)).is_err());
    }
}
