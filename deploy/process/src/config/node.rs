//! Decides how a setting written as text becomes the type that its field has.
//!
//! A file says whether `7882` is a number; the environment and flags only have text, and a
//! password of digits is no number. So a text takes the type that the field asks for, and a list
//! is separated by commas. Faults carry the dotted name of the setting and its origin.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{SeqDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// This file.
    File(String),
    /// This environment variable.
    Environment(String),
    /// The flag of this setting.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(out, "in {path}"),
            Self::Environment(name) => write!(out, "in the environment, {name}"),
            Self::Flag(name) => write!(out, "given as a flag for {name}"),
        }
    }
}

/// A tree of settings.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// A section.
    Table(BTreeMap<String, Node>),
    /// Text that takes the type asked for.
    Text(String, Origin),
    /// A value with a type.
    Typed(toml::Value, Origin),
}

impl Node {
    pub(super) fn empty() -> Self {
        Self::Table(BTreeMap::new())
    }

    pub(super) fn text(text: String, origin: Origin) -> Self {
        Self::Text(text, origin)
    }

    pub(super) fn from_toml(value: toml::Value, origin: &Origin) -> Self {
        match value {
            toml::Value::Table(table) => Self::Table(
                table
                    .into_iter()
                    .map(|(key, value)| (key, Self::from_toml(value, origin)))
                    .collect(),
            ),
            other => Self::Typed(other, origin.clone()),
        }
    }

    /// Lays another tree over this one: what it says counts.
    pub(super) fn merge(&mut self, over: Node) {
        match (self, over) {
            (Self::Table(under), Self::Table(over)) => {
                for (key, node) in over {
                    under.entry(key).or_insert_with(Self::empty).merge(node);
                }
            }
            (under, over) => *under = over,
        }
    }

    /// Puts a value at a path, making the sections on the way.
    pub(super) fn set(&mut self, path: &[String], value: Node) -> Result<(), &'static str> {
        let Some((first, rest)) = path.split_first() else {
            *self = value;
            return Ok(());
        };
        let Self::Table(table) = self else {
            return Err("names a setting inside of what is not a section");
        };
        if first.is_empty() {
            return Err("has an empty part in its name");
        }
        table
            .entry(first.clone())
            .or_insert_with(Self::empty)
            .set(rest, value)
    }

    fn origin(&self) -> Option<Origin> {
        match self {
            Self::Text(_, origin) | Self::Typed(_, origin) => Some(origin.clone()),
            Self::Table(table) => table.values().find_map(Self::origin),
        }
    }
}

/// What is wrong with which setting.
#[derive(Debug)]
pub(super) struct Fault {
    path: Vec<String>,
    problem: String,
    origin: Option<Origin>,
}

impl Fault {
    /// Adds the section or key that was being read. The innermost origin is the exact one.
    fn within(mut self, key: &str, origin: Option<Origin>) -> Self {
        self.path.insert(0, key.to_owned());
        self.origin = self.origin.or(origin);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(out, "{}: ", self.path.join("."))?;
        }
        out.write_str(&self.problem)?;
        if let Some(origin) = &self.origin {
            write!(out, " ({origin})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self {
            path: Vec::new(),
            problem: problem.to_string(),
            origin: None,
        }
    }
}

impl From<toml::de::Error> for Fault {
    fn from(fault: toml::de::Error) -> Self {
        Self::custom(fault.message())
    }
}

/// Text in place of a number or a truth value.
macro_rules! parse_text {
    ($($method:ident $visit:ident $type:ty, $expected:literal;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self {
                Self::Text(text, _) => match text.trim().parse::<$type>() {
                    Ok(value) => visitor.$visit(value),
                    // The text may be a secret in the wrong place, so it is not repeated.
                    Err(_) => Err(Fault::custom(concat!("is not ", $expected))),
                },
                other => other.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Table(table) => visitor.visit_map(Entries::of(table)),
            Self::Text(text, _) => visitor.visit_string(text),
            Self::Typed(value, _) => Ok(value.deserialize_any(visitor)?),
        }
    }

    parse_text! {
        deserialize_bool visit_bool bool, "true or false";
        deserialize_i8 visit_i8 i8, "a whole number in range";
        deserialize_i16 visit_i16 i16, "a whole number in range";
        deserialize_i32 visit_i32 i32, "a whole number in range";
        deserialize_i64 visit_i64 i64, "a whole number in range";
        deserialize_u8 visit_u8 u8, "a whole number in range";
        deserialize_u16 visit_u16 u16, "a whole number in range";
        deserialize_u32 visit_u32 u32, "a whole number in range";
        deserialize_u64 visit_u64 u64, "a whole number in range";
        deserialize_f32 visit_f32 f32, "a number";
        deserialize_f64 visit_f64 f64, "a number";
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Text(text, origin) => {
                let parts = text
                    .split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty());
                let nodes: Vec<Node> = parts
                    .map(|part| Node::text(part.to_owned(), origin.clone()))
                    .collect();
                visitor.visit_seq(SeqDeserializer::new(nodes.into_iter()))
            }
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Self::Text(text, _) => visitor.visit_enum(StringDeserializer::<Fault>::new(text)),
            Self::Typed(value, _) => Ok(value.deserialize_enum(name, variants, visitor)?),
            Self::Table(_) => Err(Fault::custom("is not a section")),
        }
    }

    serde::forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct
        identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Fault> for Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Walks a section, remembering where it is for the faults.
struct Entries {
    left: std::collections::btree_map::IntoIter<String, Node>,
    current: Option<(String, Node)>,
}

impl Entries {
    fn of(table: BTreeMap<String, Node>) -> Self {
        Self {
            left: table.into_iter(),
            current: None,
        }
    }
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((key, node)) = self.left.next() else {
            return Ok(None);
        };
        let origin = node.origin();
        self.current = Some((key.clone(), node));
        match seed.deserialize(StringDeserializer::<Fault>::new(key)) {
            Ok(key) => Ok(Some(key)),
            Err(mut fault) => {
                fault.origin = origin;
                Err(fault)
            }
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let (key, node) = self
            .current
            .take()
            .ok_or_else(|| Fault::custom("a value was asked for before its name"))?;
        let origin = node.origin();
        seed.deserialize(node)
            .map_err(|fault| fault.within(&key, origin))
    }
}
