//! The modules of `shared` use each other in one direction, and the API's functions use no operation.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot run has failed")]

use std::{collections::BTreeMap, fs, path::Path};

use machine::workspace;

/// Each module may use those in the groups before its own, and none beside it.
const ORDER: [&[&str]; 10] = [
    &["clock", "telemetry", "https"],
    &["domain"],
    &["secrets"],
    &["db"],
    &["auth"],
    &["config"],
    &["api", "operations"],
    &["app"],
    &["lambda"],
    &["lib"],
];

/// A module of the crate's root, by the names of its parts that are used as `crate::name`.
struct Names(BTreeMap<String, String>);

impl Names {
    /// From the modules themselves, what `lib.rs` re-exports of them, and the macros that they export.
    fn of(files: &[(String, String)]) -> Self {
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for (module, code) in files {
            names.insert(module.clone(), module.clone());
            let macros = code.split("#[macro_export]").skip(1).map(|rest| {
                let (_, name) = rest.split_once("macro_rules! ").unwrap();
                name.split_whitespace().next().unwrap().to_owned()
            });
            names.extend(macros.map(|name| (name, module.clone())));
        }
        let (_, root) = files.iter().find(|(module, _)| module == "lib").unwrap();
        for line in root.lines().filter_map(|line| line.strip_prefix("pub use ")) {
            let (module, rest) = line.split_once("::").unwrap();
            let parts = rest.split(['{', '}', ',', ';', ' ']).filter(|part| !part.is_empty());
            names.extend(parts.map(|part| (part.to_owned(), module.to_owned())));
        }
        Self(names)
    }

    fn module(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("crate::{name} is in no module"))
    }
}

/// The module and the code of every file below a folder, without comments and tests.
fn sources(folder: &Path, module: Option<&str>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let module = module.unwrap_or(&name);
        if path.is_dir() {
            found.extend(sources(&path, Some(module)));
        } else {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let code = text.split("#[cfg(test)]").next().unwrap().lines();
            let code = code.filter(|line| !line.trim_start().starts_with("//"));
            found.push((module.to_owned(), code.collect::<Vec<_>>().join("\n")));
        }
    }
    found
}

/// The names behind each `crate::`, those of a group in braces one by one.
fn used(code: &str) -> Vec<String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut names = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            names.push(rest.chars().take_while(|&c| is_name(c)).collect());
            continue;
        };
        let (mut depth, mut name, mut in_first_segment) = (1, String::new(), true);
        for c in group.chars() {
            depth += i32::from(c == '{') - i32::from(c == '}');
            match c {
                ',' if depth == 1 => {
                    names.push(std::mem::take(&mut name));
                    in_first_segment = true;
                }
                ':' => in_first_segment = false,
                c if depth == 1 && in_first_segment && is_name(c) => name.push(c),
                _ if depth == 0 => break,
                _ => {}
            }
        }
        names.push(name);
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn a_module_uses_only_those_before_it() {
    let files = sources(&workspace::root().join("shared/src"), None);
    let names = Names::of(&files);
    let place = |module: &str| {
        ORDER.iter().position(|group| group.contains(&module)).unwrap_or_else(|| panic!("{module} has no place"))
    };
    let mut against = Vec::new();
    for (module, code) in files.iter().filter(|(module, _)| module != "lib") {
        let used = used(code);
        let used = used.iter().map(|name| names.module(name)).filter(|used| used != module);
        against.extend(used.filter(|used| place(used) >= place(module)).map(|used| format!("{module} -> {used}")));
    }
    against.dedup();
    assert_eq!(against, Vec::<String>::new());
    assert!(files.len() > 50, "the modules are not found any more");
}

#[test]
fn no_function_of_the_api_uses_an_operation() {
    for function in ["auth", "doctors", "mappings", "patients"] {
        let folder = workspace::root().join("functions").join(function).join("src");
        for (file, code) in sources(&folder, None) {
            assert!(!code.contains("operations"), "functions/{function}: {file}");
        }
    }
}
