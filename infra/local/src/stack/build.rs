//! Builds the functions' binaries with cargo, which shows its own progress on the terminal.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use machine::{
    About, Error, Result, interrupt,
    process::{self, Guarded},
    workspace,
};
use rustix::process::Signal;
use serde::Deserialize;

/// The path of each binary by its name.
pub(super) type Binaries = BTreeMap<String, PathBuf>;

/// Builds these functions into the target folder of this program, which only this checkout uses. Ends early when `stop`
/// is set.
pub(super) fn these(functions: &[String], stop: &AtomicBool) -> Result<Binaries> {
    let this = env::current_exe().about("Cannot find this program")?;
    let mut cargo = Command::new("cargo");
    process::without_cargo_variables(&mut cargo);
    cargo.args(["build", "--message-format=json-render-diagnostics"]);
    cargo.args(functions.iter().flat_map(|function| ["--bin", function]));
    if let Some(target) = target_folder(&this) {
        cargo.arg("--target-dir").arg(target);
    }
    cargo.current_dir(workspace::find_root()?).stdout(Stdio::piped());
    let mut build = Guarded::start(&mut cargo, Signal::TERM, Duration::from_secs(5))?;
    let messages = build.process.take_stdout();
    let reader =
        std::thread::spawn(move || messages.map_or_else(Binaries::new, |messages| read(BufReader::new(messages))));
    let ended = loop {
        interrupt::check()?;
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        if let Some(status) = interrupt::poll(Duration::from_millis(200), || build.process.ended())? {
            break status;
        }
    };
    let binaries = reader.join().unwrap_or_default();
    match ended.success() {
        true => Ok(binaries),
        false => Err(Error::sentence(format_args!("Building the functions failed ({ended}); see above."))),
    }
}

/// The folder above `debug/` or `release/`.
pub(crate) fn target_folder(program: &Path) -> Option<PathBuf> {
    let profile = program.ancestors().find(|folder| folder.ends_with("debug") || folder.ends_with("release"));
    profile.and_then(Path::parent).map(Path::to_owned)
}

/// Reads cargo's messages about binaries: <https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>
fn read(messages: impl BufRead) -> Binaries {
    #[derive(Deserialize)]
    struct Artifact {
        target: Target,
        executable: PathBuf,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    // Most messages are no artifacts.
    let artifacts = messages.lines().map_while(std::io::Result::ok);
    let artifacts = artifacts.filter_map(|line| serde_json::from_str::<Artifact>(&line).ok());
    artifacts.map(|artifact| (artifact.target.name, artifact.executable)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_are_those_that_cargo_names() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"shared"},"executable":null,"fresh":true}
            {"reason":"compiler-artifact","target":{"name":"auth"},"executable":"/a b/debug/auth","fresh":false}
            {"reason":"build-script-executed","package_id":"x"}
            {"reason":"compiler-artifact","target":{"name":"doctors"},"executable":"/a b/debug/doctors","fresh":true}
            no message
            {"reason":"build-finished","success":true}"#;

        let binaries = read(messages.as_bytes());

        let found: Vec<_> = binaries.iter().map(|(name, path)| (name.as_str(), path.to_str())).collect();
        assert_eq!(found, [("auth", Some("/a b/debug/auth")), ("doctors", Some("/a b/debug/doctors"))]);
    }

    #[test]
    fn a_target_folder_is_above_the_profile() {
        for program in ["/a/target/debug/local", "/a/target/debug/deps/stack-1f"] {
            assert_eq!(target_folder(Path::new(program)), Some(PathBuf::from("/a/target")), "{program}");
        }
        assert_eq!(target_folder(Path::new("/usr/bin/local")), None);
    }
}
