//! The printed table, and the files kept with the sources: `figures.json`, and `figures.svg`, which README shows.

use std::{
    fs,
    io::{Write, stdout},
    path::PathBuf,
};

use machine::{About, Error, Result, workspace};
use serde::{Deserialize, Serialize};

use super::{
    exact::{self, Exact},
    figure::{self, Figure},
    plot,
};

/// All figures.
#[derive(Serialize, Deserialize)]
pub(super) struct Report {
    /// The compiler and the target of the binaries.
    pub(super) toolchain: String,
    /// How the figures were measured.
    pub(super) how: String,
    /// The figures without noise, which `cargo test` compares.
    pub(super) exact: Exact,
    pub(super) figures: Vec<Figure>,
}

impl Report {
    /// The last recorded report.
    pub(super) fn recorded() -> Result<Self> {
        let path = file("figures.json");
        let text = fs::read_to_string(&path).about_path("read", &path)?;
        serde_json::from_str(&text).map_err(|error| Error::sentence(format_args!("{}: {error}.", path.display())))
    }

    /// Writes both files.
    pub(super) fn keep(&self) -> Result<()> {
        let json = serde_json::to_string_pretty(self).map_err(|error| Error::sentence(format_args!("{error}.")))?;
        for (name, text) in [("figures.json", json + "\n"), ("figures.svg", plot::draw(&self.all()))] {
            let path = file(name);
            fs::write(&path, text).about_path("write", &path)?;
        }
        Ok(())
    }

    /// Prints the table.
    pub(super) fn print(&self) -> Result<()> {
        let rows: String = self.all().iter().map(Figure::line).collect();
        let text = format!("{}{rows}\nMedians of the rounds; {}; {}.\n", figure::head(), self.how, self.toolchain);
        stdout().lock().write_all(text.as_bytes()).about("Cannot print")
    }

    fn all(&self) -> Vec<Figure> {
        self.figures.iter().cloned().chain(exact::figures(&self.exact)).collect()
    }
}

fn file(name: &str) -> PathBuf {
    workspace::root().join("infra/bench").join(name)
}
