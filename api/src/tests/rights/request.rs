//! Operations as the description has them, and the request of each.

use axum::http::Method;
use serde_json::{Map, Value};

use crate::rights::{EXTENSION, Right};
use crate::testing::TestApp;

/// An operation of the description.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) right: Right,
    /// Whether its description lets nobody in without a token or a key.
    pub(super) needs_bearer: bool,
    /// What a caller with the right is answered.
    pub(super) success: u16,
    /// The properties of its body, each with its example.
    properties: Option<Map<String, Value>>,
    required: Vec<String>,
}

/// Every operation that the server describes.
pub(super) async fn described(test: &TestApp) -> Vec<Operation> {
    let description = test.get("/api/openapi.json").send().await.json();
    let paths = description["paths"].as_object().expect("paths");
    let operation = |path: &String, method: &String, said: &Value| {
        let schema = schema_of(&description, said);
        let required = schema.and_then(|schema| schema["required"].as_array());
        let names = required.into_iter().flatten().filter_map(Value::as_str);
        Operation {
            method: method.to_uppercase().parse().expect("a method"),
            path: path.clone(),
            right: right_of(path, method, said),
            needs_bearer: needs_bearer(said),
            success: success_of(said),
            properties: schema.and_then(|schema| schema["properties"].as_object().cloned()),
            required: names.map(str::to_owned).collect(),
        }
    };
    let each = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("methods").iter();
        methods.map(move |(method, said)| operation(path, method, said))
    });
    each.collect()
}

fn right_of(path: &str, method: &str, said: &Value) -> Right {
    let word = said[EXTENSION].as_str();
    let right = Right::ALL
        .into_iter()
        .find(|right| Some(right.word()) == word);
    right.unwrap_or_else(|| panic!("{method} {path} stands under no right in the router"))
}

fn needs_bearer(said: &Value) -> bool {
    let ways = said["security"].as_array();
    ways.is_some_and(|ways| ways.iter().all(|way| way.get("bearer").is_some()))
}

fn success_of(said: &Value) -> u16 {
    let answers = said["responses"].as_object().expect("responses").keys();
    let good = answers.filter_map(|status| status.parse().ok());
    good.min().expect("a status of success")
}

fn schema_of<'a>(description: &'a Value, said: &Value) -> Option<&'a Value> {
    let content = &said["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let pointer = content.as_str()?.strip_prefix('#')?;
    description.pointer(pointer)
}

impl Operation {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The noun of what the path names, when it names something.
    pub(super) fn object(&self) -> Option<&str> {
        let (before, _) = self.path.split_once("/{")?;
        before.rsplit('/').next()
    }

    /// The path that names this.
    pub(super) fn path_of(&self, id: &str) -> String {
        match (self.path.find('{'), self.path.find('}')) {
            (Some(from), Some(to)) => {
                format!("{}{id}{}", &self.path[..from], &self.path[to + 1..])
            }
            _ => self.path.clone(),
        }
    }

    /// A body that is as it should be: every property that `shown` knows, else its example.
    /// Properties with neither are left out.
    pub(super) fn body(&self, shown: impl Fn(&str) -> Option<String>) -> Option<Value> {
        let properties = self.properties.as_ref()?;
        let mut body = Map::new();
        for (name, schema) in properties {
            let example = schema.get("example").cloned();
            match shown(name).map(Value::from).or(example) {
                Some(value) => drop(body.insert(name.clone(), value)),
                None => assert!(
                    !self.required.contains(name),
                    "{}: give `{name}` an example in its schema",
                    self.name()
                ),
            }
        }
        Some(body.into())
    }

    /// Whether its body makes somebody new.
    pub(super) fn makes_somebody(&self) -> bool {
        let names = |name: &str| self.required.iter().any(|known| known == name);
        names("name") && names("email")
    }
}
