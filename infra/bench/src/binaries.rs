//! The binaries that are measured: the deployed ones, built by cargo-lambda like `sam build` does it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use machine::{About, Error, Result, process, progress, tools, workspace};

/// The floor: `lambda_http` alone.
pub(super) const HELLO: &str = "hello";

/// The folder of the binaries.
pub(super) struct Binaries {
    /// The functions.
    pub(super) functions: Vec<String>,
    folder: PathBuf,
}

impl Binaries {
    /// Builds what is not up to date, in the target folder of this program.
    pub(super) fn build() -> Result<Self> {
        let this = env::current_exe().about("Cannot find this program")?;
        let profile = this.ancestors().find(|folder| folder.ends_with("debug") || folder.ends_with("release"));
        let target =
            profile.and_then(Path::parent).ok_or_else(|| Error::sentence("This program is not in a target folder."))?;
        let (bin, functions) = (tools::sam()?, workspace::functions()?);
        let mut path = bin.clone().into_os_string();
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        progress::step("Building the binaries for Lambda", || {
            let mut cargo = Command::new(bin.join("cargo-lambda"));
            process::without_cargo_variables(&mut cargo);
            cargo.args(["lambda", "build", "--locked", "--release"]);
            cargo.args(functions.iter().map(String::as_str).chain([HELLO]).flat_map(|function| ["--bin", function]));
            cargo.env("PATH", path).env("CARGO_TARGET_DIR", target).current_dir(workspace::root());
            process::run(&mut cargo, "Building the binaries for Lambda")
        })?;
        Ok(Self { functions, folder: target.join("lambda") })
    }

    /// The file that Lambda starts.
    pub(super) fn bootstrap(&self, function: &str) -> PathBuf {
        self.folder.join(function).join("bootstrap")
    }

    /// The bytes of that file, and of the upload that contains it.
    pub(super) fn size(&self, function: &str) -> Result<(u64, u64)> {
        let (bootstrap, zip) = (self.bootstrap(function), self.folder.join(function).join("bootstrap.zip"));
        let length = |path: &Path| Ok(fs::metadata(path).about_path("read", path)?.len());
        let mut python = Command::new("python3");
        python.args(["-m", "zipfile", "--create"]).arg(&zip).arg(&bootstrap);
        process::run(&mut python, "Packing the binary")?;
        Ok((length(&bootstrap)?, length(&zip)?))
    }
}
