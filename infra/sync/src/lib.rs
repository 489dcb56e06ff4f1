//! What follows from the tables of functions and routes, and stands in files: `cargo sync` writes it.
//!
//! | file | what |
//! |---|---|
//! | `functions/openapi.json` | the description of the API |
//! | `functions/postman_collection.json` | the walk through it, for Postman |
//! | `template.yaml` | the routes of API Gateway, in each function's `Events` |
//! | `template.yaml`, `infra/monitoring.yaml`, `infra/release.yaml`, `infra/rotation.yaml`, `.cargo/mutants.toml` | what is the same for each function: copies of what stands there for the first one |
//! | `Cargo.toml` | the routes of `cargo dev` |
//! | `README.md` | the table of routes |
//!
//! `cargo sync --check` writes nothing and fails when a file is out of line; a test does the same.

mod copies;
mod gateway;
mod marked;
mod page;

use std::{
    fs,
    path::{Path, PathBuf},
};

use machine::{About, Error, Result, progress};
use openapi::{Examples, Json, describe, postman, walk};

/// The description of the API, below the root of the checkout.
pub const DESCRIPTION: &str = "functions/openapi.json";

/// The walk for Postman, below the root of the checkout.
pub const COLLECTION: &str = "functions/postman_collection.json";

const ROOT_TEMPLATE: &str = "template.yaml";
/// The files in which only copies are written.
const WITH_COPIES: [&str; 4] =
    ["infra/monitoring.yaml", "infra/release.yaml", "infra/rotation.yaml", ".cargo/mutants.toml"];

/// A file as it is and as it must be.
pub struct Synced {
    /// Its path below the root of the checkout.
    pub path: PathBuf,
    /// Its text; `None` when it is not there.
    pub is: Option<String>,
    /// What its text must be.
    pub wanted: String,
}

impl Synced {
    /// Whether it is as it must be.
    #[must_use]
    pub fn is_in_line(&self) -> bool {
        self.is.as_deref() == Some(self.wanted.as_str())
    }

    /// The file with what this makes of its text.
    fn of(root: &Path, path: &str, change: impl FnOnce(&str) -> Result<String>) -> Result<Self> {
        let full = root.join(path);
        let is = fs::read_to_string(&full).about_path("read", &full)?;
        let wanted = change(&is)?;
        Ok(Self { path: PathBuf::from(path), is: Some(is), wanted })
    }
}

/// The description of the API, with examples from the walk of this checkout.
///
/// # Errors
/// When the walk cannot be read.
pub fn description(root: &Path) -> Result<Json> {
    let steps = walk::read(root).about("Cannot read the walk through the API")?;
    Ok(describe(tables::published().iter().flat_map(|(_, routes)| *routes), &Examples::of(&steps)))
}

/// The walk of this checkout for Postman.
///
/// # Errors
/// When the walk cannot be read.
pub fn walk_for_postman(root: &Path) -> Result<Json> {
    let steps = walk::read(root).about("Cannot read the walk through the API")?;
    Ok(postman::collection(tables::published().iter().flat_map(|(_, routes)| *routes), &steps))
}

/// All files that follow from the tables.
///
/// # Errors
/// When one cannot be read, or its marker lines are not as they must be.
pub fn files(root: &Path) -> Result<Vec<Synced>> {
    let whole = |path: &str, wanted: Json| Synced {
        path: PathBuf::from(path),
        is: fs::read_to_string(root.join(path)).ok(),
        wanted: wanted.to_file(),
    };
    let mut files = vec![
        whole(DESCRIPTION, description(root)?),
        whole(COLLECTION, walk_for_postman(root)?),
        Synced::of(root, ROOT_TEMPLATE, |text| copies::with_copies(ROOT_TEMPLATE, &gateway::with_events(text)?))?,
        Synced::of(root, "Cargo.toml", gateway::with_router)?,
        Synced::of(root, page::PAGE, page::with_routes)?,
    ];
    for path in WITH_COPIES {
        files.push(Synced::of(root, path, |text| copies::with_copies(path, text))?);
    }
    Ok(files)
}

/// Writes every file that is out of line, and says so.
///
/// # Errors
/// When a file cannot be read or written.
pub fn write(root: &Path) -> Result<()> {
    for file in files(root)? {
        let path = root.join(&file.path);
        let done = match file.is_in_line() {
            true => "is in line",
            false => {
                fs::write(&path, &file.wanted).about_path("write", &path)?;
                "is written anew"
            }
        };
        progress::say(format_args!("{} {done}", file.path.display()));
    }
    Ok(())
}

/// Says which files are out of line.
///
/// # Errors
/// When one is, or cannot be read.
pub fn check(root: &Path) -> Result<()> {
    let files = files(root)?;
    let outdated: Vec<_> =
        files.iter().filter(|file| !file.is_in_line()).map(|file| file.path.display().to_string()).collect();
    match outdated.as_slice() {
        [] => {
            progress::say(format_args!(
                "All {} files are in line with the tables of functions and routes",
                files.len()
            ));
            Ok(())
        }
        outdated => Err(Error::sentence(format_args!(
            "{} must follow from the tables of functions and routes: run `cargo sync`.",
            outdated.join(", ")
        ))),
    }
}

/// That a file lost the lines between which it is written.
fn no_markers(path: &str, marker: &str) -> Error {
    Error::sentence(format_args!("{path} has no line `{}` with an end behind it.", marker.trim_end()))
}
