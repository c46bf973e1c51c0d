//! The description of the interface: whole, and true to the routes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::describe;

fn description() -> Value {
    serde_json::from_str(&describe().to_json().unwrap()).unwrap()
}

/// All values under a key, anywhere.
fn all<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                if name == key {
                    found.push(inner);
                }
                all(inner, key, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| all(inner, key, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
    let description = description();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut references = Vec::new();
    all(&description, "$ref", &mut references);
    assert!(references.len() > 20, "{}", references.len());
    for reference in references {
        let path = reference.as_str().unwrap().strip_prefix('#').expect("nothing is referred to outside");
        assert!(description.pointer(path).is_some(), "{path} leads nowhere");
    }
    let mut names = Vec::new();
    all(&description, "operationId", &mut names);
    let distinct: BTreeSet<_> = names.iter().filter_map(|name| name.as_str()).collect();
    assert_eq!(distinct.len(), names.len(), "{names:?}");
}

#[test]
fn parameters_of_a_path_are_those_that_stand_in_it() {
    let description = description();
    let mut operations = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        let in_path: BTreeSet<_> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(str::to_owned)
            .collect();
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let described: BTreeSet<_> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(described, in_path, "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path} never succeeds");
            let is_open = ["/health", "/openapi.json", "/device/v1/enrol"].contains(&path.as_str());
            assert_eq!(operation["security"].is_array(), !is_open, "{method} {path}: who may?");
        }
    }
    assert!(operations >= 30, "{operations}");
}
