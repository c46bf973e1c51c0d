//! The JSON Schemas in `schema/` are made from the types, and are those of today.
//!
//! `UPDATE_SCHEMA=1 cargo test -p orchestrion-program --test schema` writes them anew.
#![cfg(test)]

mod rig;

use std::path::Path;

use orchestrion_program::Resolved;
use orchestrion_program::model::Library;
use schemars::{JsonSchema, schema_for};
use serde_json::{Value, json};

fn stands_in_the_folder<T: JsonSchema>(name: &str, title: &str) -> Value {
    let mut made = serde_json::to_value(schema_for!(T)).unwrap();
    made["title"] = json!(title);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(name);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        let text = serde_json::to_string_pretty(&made).unwrap();
        std::fs::write(&path, text + "\n").unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let stands: Value = serde_json::from_str(&text).unwrap();
    assert!(stands == made, "{} is not what the types say; run with UPDATE_SCHEMA=1", path.display());
    made
}

/// Objects of a schema: those in it with properties of their own, and where they are.
fn objects<'a>(schema: &'a Value, at: String, found: &mut Vec<(String, &'a Value)>) {
    match schema {
        Value::Object(map) => {
            if map.contains_key("properties") && map.get("type") == Some(&json!("object")) {
                found.push((at.clone(), schema));
            }
            map.iter().for_each(|(key, value)| objects(value, format!("{at}/{key}"), found));
        }
        Value::Array(items) => items.iter().for_each(|item| objects(item, at.clone(), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_schemas_in_the_folder_are_those_of_the_types() {
    let resolved = stands_in_the_folder::<Resolved>("resolved.schema.json", "A program for a place");
    let library = stands_in_the_folder::<Library>("library.schema.json", "Recordings and playlists");
    for schema in [&resolved, &library] {
        let mut found = Vec::new();
        objects(schema, String::new(), &mut found);
        assert!(found.len() > 3);
        let open: Vec<&String> = found
            .iter()
            .filter(|(_, object)| object["additionalProperties"] != json!(false))
            .map(|(at, _)| at)
            .collect();
        assert!(open.is_empty(), "unknown keys are let in at {open:?}");
    }
}

#[test]
fn an_unknown_key_is_refused_in_every_object_and_its_path_is_told() {
    let document: Value = serde_json::from_slice(include_bytes!("full.json")).unwrap();
    let mut objects = Vec::new();
    places(&document, String::new(), &mut objects);
    assert!(objects.len() > 30, "{}", objects.len());
    for pointer in objects {
        let mut wrong = document.clone();
        // What has one key that says its kind, as `when`, is refused for having two.
        wrong.pointer_mut(&pointer).unwrap()["colour"] = json!("red");
        let text = serde_json::to_vec(&wrong).unwrap();
        let error = orchestrion_program::check::parse(&text).unwrap_err().errors.remove(0);
        let parts = pointer.split('/').skip(1);
        let told = |part: &str| error.path.contains(part);
        assert!(parts.clone().all(told), "{pointer}: {error}");
        assert!(!error.message.is_empty());
    }
}

/// Where there are objects.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.push(at.clone());
            map.iter().for_each(|(key, value)| places(value, format!("{at}/{key}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, value)| places(value, format!("{at}/{n}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_document_with_everything_has_every_key_that_the_schema_knows() {
    let document: Value = serde_json::from_slice(include_bytes!("full.json")).unwrap();
    let report = orchestrion_program::check::check(include_bytes!("full.json")).1;
    assert_eq!((report.errors, report.warnings), (vec![], vec![]));
    let schema = serde_json::to_value(schema_for!(Resolved)).unwrap();
    let mut objects_of_schema = Vec::new();
    objects(&schema, String::new(), &mut objects_of_schema);
    let mut keys: Vec<String> = Vec::new();
    all_keys(&document, &mut keys);
    let known =
        objects_of_schema.iter().flat_map(|(_, object)| object["properties"].as_object().unwrap().keys());
    let missing: Vec<&String> = known.filter(|key| !keys.contains(key)).collect();
    assert!(missing.is_empty(), "tests/full.json lacks {missing:?}");
}

fn all_keys(value: &Value, keys: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            keys.push(key.clone());
            all_keys(value, keys);
        }),
        Value::Array(items) => items.iter().for_each(|value| all_keys(value, keys)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
