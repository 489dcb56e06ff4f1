//! The function of a path, by `[workspace.metadata.lambda.watch.router]` in the root's `Cargo.toml`, which a plain
//! `cargo lambda watch` reads, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use machine::{Error, Result, process, workspace};
use serde::Deserialize;
use shared::api::{ROOTS, fit};

/// The route of all paths without another route.
const ANY: &str = "/{*path}";

/// The paths, each with its function.
pub(super) struct Router {
    routes: BTreeMap<String, String>,
    /// The path prefix before `/api`, or nothing: the functions accept a path with and without it.
    base: String,
}

impl Router {
    pub(super) fn load(base_path: &str) -> Result<Self> {
        let mut cargo = Command::new("cargo");
        process::without_cargo_variables(&mut cargo);
        cargo.args(["metadata", "--no-deps", "--offline", "--format-version=1"]).current_dir(workspace::find_root()?);
        let read = process::output(&mut cargo).and_then(|text| Self::read(&text, base_path));
        read.ok_or_else(|| {
            Error::sentence(format_args!(
                "The root's Cargo.toml has no [workspace.metadata.lambda.watch.router] with a function for {ANY}."
            ))
        })
    }

    fn read(metadata: &str, base_path: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Metadata {
            metadata: Workspace,
        }
        #[derive(Deserialize)]
        struct Workspace {
            lambda: Lambda,
        }
        #[derive(Deserialize)]
        struct Lambda {
            watch: Watch,
        }
        #[derive(Deserialize)]
        struct Watch {
            router: BTreeMap<String, String>,
        }
        let routes = serde_json::from_str::<Metadata>(metadata).ok()?.metadata.lambda.watch.router;
        let base = match base_path.trim_matches('/') {
            "" => String::new(),
            word => format!("/{word}"),
        };
        routes.contains_key(ANY).then_some(Self { routes, base })
    }

    /// The name of each function.
    pub(super) fn functions(&self) -> BTreeSet<&str> {
        self.routes.values().map(String::as_str).collect()
    }

    /// The function of a path.
    pub(super) fn function(&self, path: &str) -> &str {
        let path = path.strip_prefix(&self.base).filter(|rest| is_ours(rest)).unwrap_or(path);
        let fits = self.routes.iter().filter_map(|(route, function)| Some((fit(route, path)?, function)));
        let best = fits.max_by_key(|(fit, _)| *fit).map(|(_, function)| function);
        best.or_else(|| self.routes.get(ANY)).map_or("", String::as_str)
    }
}

fn is_ours(path: &str) -> bool {
    ROOTS.iter().any(|root| path.starts_with(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_to_the_function_of_its_route_and_any_other_one_to_the_last() {
        let router = Router::load("").unwrap();

        for (path, function) in [
            ("/api/auth/login", "auth"),
            ("/api/patients", "patients"),
            ("/api/patients/7", "patients"),
            ("/api/mappings/x y", "mappings"),
            ("/api/doctors/1", "doctors"),
            ("/api/docs", "docs"),
            ("/.well-known/api-catalog", "docs"),
            ("/api/patients/", "doctors"),
            ("/api/patients/7/8", "doctors"),
            ("/api/Patients", "doctors"),
            ("/", "doctors"),
            ("", "doctors"),
            ("*", "doctors"),
        ] {
            assert_eq!(router.function(path), function, "{path}");
        }
        assert_eq!(
            router.functions().into_iter().collect::<Vec<_>>(),
            ["auth", "docs", "doctors", "mappings", "patients"]
        );
    }

    #[test]
    fn a_base_path_stands_before_the_routes_or_is_left_out() {
        for base in ["/v1", "v1/"] {
            let router = Router::load(base).unwrap();

            for (path, function) in [
                ("/v1/api/patients", "patients"),
                ("/v1/api/auth/me", "auth"),
                ("/v1/.well-known/api-catalog", "docs"),
                ("/api/patients", "patients"),
                ("/v1/v1/api/patients", "doctors"),
                ("/v2/api/patients", "doctors"),
                ("/v1api/patients", "doctors"),
                ("/v1", "doctors"),
            ] {
                assert_eq!(router.function(path), function, "{base} {path}");
            }
        }
    }
}
