//! The checkout: where its root is, and what is kept in its `.local/` folder.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};

use crate::error::{About, Error, Result};

/// The root of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// `.local/`, where everything lives that is installed, generated or stored on this machine.
///
/// # Errors
/// When it cannot be made.
pub fn local() -> Result<PathBuf> {
    let local = root().join(".local");
    make_directory(&local, 0o755)?;
    Ok(local)
}

/// Makes a directory (and its parents) with exactly this mode, whatever the umask says.
pub(crate) fn make_directory(path: &Path, mode: u32) -> Result<()> {
    if !path.is_dir() {
        DirBuilder::new().recursive(true).mode(mode).create(path).about_path("create", path)?;
        fs::set_permissions(path, Permissions::from_mode(mode)).about_path("change the mode of", path)?;
    }
    Ok(())
}

/// A lock between processes, held until the file is dropped or the process ends.
pub(crate) fn lock_file(path: &Path) -> Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path).about_path("open", path)
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<()> {
    OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .about_path("write", path)
}

/// A secret of this checkout: 32 random bytes in hexadecimal, made once and kept in `.local/`.
///
/// # Errors
/// When it can be neither read nor made.
pub fn secret(name: &str) -> Result<String> {
    let path = local()?.join(name);
    if path.is_file() {
        let kept = fs::read_to_string(&path).about_path("read", &path)?;
        return Ok(kept.trim().to_owned());
    }
    let made = random_hex()?;
    write_private(&path, &made)?;
    Ok(made)
}

/// 32 random bytes in hexadecimal.
pub(crate) fn random_hex() -> Result<String> {
    let mut bytes = [0_u8; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::sentence("The system has no random numbers."))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
