//! The data that is kept under a name, and the programs that can read it.

use std::path::PathBuf;

use super::files::{self, Sync};
use super::place::Place;
use super::repair;
use crate::error::Result;
use crate::progress;
use crate::tools::postgres::Programs;

/// The programs that the kept data was written by, or, without any data, those that are found, with new files.
pub(super) fn data(place: &Place, name: &str) -> Result<(Programs, PathBuf)> {
    let (tools, clusters) = (place.tools(), place.clusters(name)?);
    for (major, directory) in &clusters {
        if let Some(programs) = Programs::of(*major, &tools) {
            repair::broken(place, &programs, directory)?;
            return Ok((programs, directory.clone()));
        }
    }
    let programs = Programs::find(&tools)?;
    let directory = place.cluster(name, programs.version.0);
    if directory.exists() {
        repair::broken(place, &programs, &directory)?;
        return Ok((programs, directory));
    }
    if let Some((old, unused)) = clusters.first() {
        progress::say(format_args!(
            "The data in {} was written by PostgreSQL {old}, which is not here: it is kept, and PostgreSQL {} starts \
             with an empty database. Install PostgreSQL {old} to have it back.",
            unused.display(),
            programs.version.0,
        ));
    }
    progress::step("Creating the database files", || files::create(place, &programs, &directory, Sync::Yes))?;
    Ok((programs, directory))
}
