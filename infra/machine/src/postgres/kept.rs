//! Finds the data kept under a name, and the programs that can read it.

use std::path::{Path, PathBuf};

use super::{
    data_directory::DataDirectory,
    files::{self, Sync},
    repair,
};
use crate::{error::Result, progress, tools::postgres::Programs};

/// The programs that wrote the kept data; without any data, the programs found, with a new cluster.
pub(super) fn data(home: &DataDirectory, name: &str) -> Result<(Programs, PathBuf)> {
    let tools = home.tools();
    let clusters = home.clusters(name)?;
    let mut programs: Vec<_> = clusters.iter().map(|(major, _)| Programs::of(*major, &tools)).collect();
    let versions: Vec<_> =
        clusters.iter().zip(&programs).map(|((major, _), programs)| (*major, programs.is_some())).collect();

    let chosen = chosen(&versions).and_then(|index| programs.get_mut(index)).and_then(Option::take);
    let programs = chosen.map_or_else(|| Programs::find(&tools), Ok)?;
    let directory = home.cluster(name, programs.version.0);
    for (version, (_, unused)) in versions.into_iter().zip(&clusters).filter(|(_, (_, path))| *path != directory) {
        progress::say(unused_data(version, unused, &directory));
    }
    match directory.exists() {
        true => repair::broken(home, &programs, &directory)?,
        false => {
            progress::step("Creating the database files", || files::create(home, &programs, &directory, Sync::Yes))?;
        }
    }
    Ok((programs, directory))
}

/// The index of the newest cluster that has programs. Each cluster is a major version and whether programs exist for
/// it.
fn chosen(clusters: &[(u32, bool)]) -> Option<usize> {
    let usable = clusters.iter().enumerate().filter(|(_, (_, has_programs))| *has_programs);
    usable.max_by_key(|(_, (major, _))| *major).map(|(index, _)| index)
}

/// The message about unused data, printed at each start: nothing else shows that there is more than one database.
fn unused_data((major, has_programs): (u32, bool), unused: &Path, used: &Path) -> String {
    let programs = if has_programs { String::new() } else { format!("install PostgreSQL {major} and ") };
    let (unused, used) = (unused.display(), used.display());
    format!(
        "The data in {unused} was written by PostgreSQL {major} and is kept, but not used: to have it back, {programs}move \
         {used} to another folder; to be without it, remove its folder."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_data_that_can_be_read_is_used() {
        for (clusters, expected) in [
            (&[][..], None),
            (&[(15, true)], Some(15)),
            (&[(15, false)], None),
            (&[(18, true), (15, true)], Some(18)),
            (&[(15, true), (18, true)], Some(18)),
            (&[(18, false), (15, true)], Some(15)),
            (&[(18, true), (15, false)], Some(18)),
            (&[(18, false), (17, false), (16, true), (15, true)], Some(16)),
            (&[(18, false), (15, false)], None),
        ] {
            let found = chosen(clusters).map(|index| clusters[index].0);
            assert_eq!(found, expected, "{clusters:?}");
        }
    }

    #[test]
    fn unused_data_is_named_with_what_makes_it_used() {
        let (unused, used) = (Path::new("/c/.local/postgres/dev-15"), Path::new("/c/.local/postgres/dev-18"));
        for (has_programs, back) in [
            (false, "to have it back, install PostgreSQL 15 and move /c/.local/postgres/dev-18 to another folder;"),
            (true, "to have it back, move /c/.local/postgres/dev-18 to another folder;"),
        ] {
            let said = unused_data((15, has_programs), unused, used);
            assert!(said.starts_with("The data in /c/.local/postgres/dev-15 was written by PostgreSQL 15"), "{said}");
            assert!(said.contains(back), "{said}");
        }
    }
}
