//! The state of the functions' source: each file with its length and modification time.
//!
//! It is polled. A system has only so many file watches, which editors use up, and none on some shared folders.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use machine::workspace;

/// The folders and files of the source, relative to the root.
const PLACES: [&str; 6] = ["functions", "shared", "migrations", "Cargo.toml", "Cargo.lock", ".cargo"];
/// Of these crates only the manifests count: cargo unifies the features that they ask for with those of the functions.
const CRATES: &str = "infra";

/// The state of all files.
pub(super) type Sources = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

pub(super) fn now() -> Sources {
    of(&workspace::root())
}

fn of(root: &Path) -> Sources {
    let mut sources = Sources::new();
    for place in PLACES {
        collect(&root.join(place), &mut sources);
    }
    for entry in fs::read_dir(root.join(CRATES)).into_iter().flatten().flatten() {
        collect(&entry.path().join("Cargo.toml"), &mut sources);
    }
    sources
}

/// Files that are missing, or hidden as editors' backups are, are no source.
fn collect(path: &Path, sources: &mut Sources) {
    let Ok(facts) = fs::metadata(path) else { return };
    if facts.is_dir() {
        let is_hidden = |entry: &fs::DirEntry| entry.file_name().as_encoded_bytes().starts_with(b".");
        for entry in fs::read_dir(path).into_iter().flatten().flatten().filter(|entry| !is_hidden(entry)) {
            collect(&entry.path(), sources);
        }
    } else {
        sources.insert(path.to_owned(), (facts.len(), facts.modified().ok()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_a_source_is_another_state() {
        let root = std::env::temp_dir().join(format!("health-sources-{}", workspace::random_hex().unwrap()));
        let (source, new) = (root.join("functions/a/src/lib.rs"), root.join("functions/a/src/new.rs"));
        fs::create_dir_all(source.parent().unwrap()).unwrap();
        fs::write(&source, "one").unwrap();
        let mut states = vec![of(&root)];

        fs::write(&source, "other").unwrap();
        states.push(of(&root));
        let later = SystemTime::UNIX_EPOCH;
        fs::File::options().write(true).open(&source).unwrap().set_modified(later).unwrap();
        states.push(of(&root));
        fs::write(&new, "").unwrap();
        states.push(of(&root));
        fs::rename(&new, root.join("functions/a/src/renamed.rs")).unwrap();
        states.push(of(&root));
        fs::write(root.join("README.md"), "not a source").unwrap();
        fs::write(root.join("functions/a/src/.lib.rs.swp"), "vim's").unwrap();

        assert_eq!(states.last(), Some(&of(&root)));
        states.dedup();
        assert_eq!(states.len(), 5);
        fs::remove_dir_all(root).unwrap();
    }
}
