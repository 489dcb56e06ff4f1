//! The checkout: its root, and the files kept in its `.local/` folder.

use std::{
    env,
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use ring::rand::{SecureRandom, SystemRandom};

use crate::{
    error::{About, Error, Result},
    progress,
};

/// The root of the checkout that this program was called in: of the package that cargo runs, else of the working
/// directory. It is not a constant of the build: the program may run in another checkout that shares the target folder,
/// or after the checkout was moved.
///
/// # Errors
/// When neither is in a checkout.
pub fn find_root() -> Result<PathBuf> {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let places = package.into_iter().chain(env::current_dir().ok());
    let mut roots = places.filter_map(|place| root_around(&place));
    roots.next().ok_or_else(|| {
        Error::sentence(
            "This is no checkout of the project: call it in the folder that holds its Cargo.toml and infra/.",
        )
    })
}

fn root_around(place: &Path) -> Option<PathBuf> {
    let place = place.canonicalize().ok()?;
    let is_root = |folder: &&Path| {
        folder.join("infra/local/Cargo.toml").is_file()
            && fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| text.contains("[workspace]"))
    };
    place.ancestors().find(is_root).map(Path::to_owned)
}

/// Like [`find_root`], for code that only runs in a checkout; falls back to the working directory.
#[must_use]
pub fn root() -> PathBuf {
    find_root().unwrap_or_else(|_| PathBuf::from("."))
}

/// The functions, by name: each is a crate in `functions/` and a program.
///
/// # Errors
/// When the folder cannot be read.
pub fn functions() -> Result<Vec<String>> {
    let folder = find_root()?.join("functions");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).about_path("read", &folder)? {
        let path = entry.about_path("read", &folder)?.path();
        if path.join("Cargo.toml").is_file() {
            names.extend(path.file_name().and_then(OsStr::to_str).map(str::to_owned));
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// `.local/`, the folder of everything that is installed, generated or stored on this machine.
///
/// # Errors
/// When it cannot be made.
pub fn local() -> Result<PathBuf> {
    let local = find_root()?.join(".local");
    make_directory(&local, 0o755)?;
    Ok(local)
}

/// Makes a directory (and its parents) with exactly this mode, whatever the umask says.
pub fn make_directory(path: &Path, mode: u32) -> Result<()> {
    if !path.is_dir() {
        DirBuilder::new().recursive(true).mode(mode).create(path).about_path("create", path)?;
        fs::set_permissions(path, Permissions::from_mode(mode)).about_path("change the mode of", path)?;
    }
    Ok(())
}

/// A lock between processes, held until the file is dropped or the process ends.
pub fn lock_file(path: &Path) -> Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path).about_path("open", path)
}

/// Writes a file that only its owner can read, atomically: the old content or the new, never half of it.
pub fn write_private(path: &Path, content: &str) -> Result<()> {
    let mut name = path.file_name().unwrap_or(OsStr::new("file")).to_owned();
    name.push(format!(".{}", random_hex()?));
    let beside = path.with_file_name(name);
    let written = write_and_sync(&beside, content).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The disk may be full; half a file is of no use.
        let _ = fs::remove_file(&beside);
    }
    written.and_then(|()| sync_folder(path)).about_path("write", path)
}

fn write_and_sync(path: &Path, content: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

/// Syncs the folder of a file, so that its name survives a crash, too.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// A secret of this checkout: 32 random bytes in hexadecimal, made once and kept in `.local/`. A broken one is made
/// again; `consequence` says what that means.
///
/// # Errors
/// When it can be neither read nor made.
pub fn secret(name: &str, consequence: &str) -> Result<String> {
    secret_in(&local()?, name, consequence)
}

/// Like [`secret`], in this folder.
pub(crate) fn secret_in(folder: &Path, name: &str, consequence: &str) -> Result<String> {
    let path = folder.join(name);
    match kept(&path)? {
        Kept::Whole(secret) => Ok(secret),
        kept => {
            if matches!(kept, Kept::Broken) {
                progress::say(format_args!("{} was not whole, so a new one was made: {consequence}.", path.display()));
            }
            let made = random_hex()?;
            write_private(&path, &made)?;
            Ok(made)
        }
    }
}

/// The content of a file with a secret.
pub(crate) enum Kept {
    Whole(String),
    Broken,
    Nothing,
}

/// Reads a file that holds a [`random_hex`].
pub(crate) fn kept(path: &Path) -> Result<Kept> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::Nothing),
        other => String::from_utf8(other.about_path("read", path)?).unwrap_or_default(),
    };
    let text = text.trim();
    let is_whole = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    Ok(if is_whole { Kept::Whole(text.to_owned()) } else { Kept::Broken })
}

/// 32 random bytes in hexadecimal.
pub fn random_hex() -> Result<String> {
    let mut bytes = [0_u8; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::sentence("The system has no random numbers."))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        let folder = env::temp_dir().join(format!("health-workspace-{}", random_hex().unwrap()));
        fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn a_root_is_the_folder_with_the_workspace_above_a_place() {
        let outside = folder();
        let checkout = outside.join("a checkout");
        for place in ["infra/local/src", "functions"] {
            fs::create_dir_all(checkout.join(place)).unwrap();
        }
        fs::write(checkout.join("infra/local/Cargo.toml"), "[package]").unwrap();
        fs::write(checkout.join("Cargo.toml"), "[workspace]").unwrap();

        let expected = Some(checkout.canonicalize().unwrap());
        for place in ["", "infra/local", "infra/local/src", "functions"] {
            assert_eq!(root_around(&checkout.join(place)), expected, "{place}");
        }
        assert_eq!(root_around(&outside), None);
        fs::remove_dir_all(outside).unwrap();
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = folder();
        let path = folder.join("a secret");
        let old = "an older one, which is longer";
        fs::write(&path, old).unwrap();
        let reader = File::open(&path).unwrap();

        write_private(&path, "new").unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        // The file was replaced, not overwritten: a reader of the old one reads all of it.
        assert_eq!(io::read_to_string(reader).unwrap(), old);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it() {
        let folder = folder();
        let path = folder.join("taken");
        fs::create_dir_all(path.join("by a folder")).unwrap();

        write_private(&path, "new").unwrap_err();

        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_secret_is_whole_when_it_is_what_was_written() {
        let folder = folder();
        let path = folder.join("secret");
        assert!(matches!(kept(&path).unwrap(), Kept::Nothing));
        let whole = random_hex().unwrap();
        for text in [whole.clone(), format!("{whole}\n")] {
            fs::write(&path, text).unwrap();
            assert!(matches!(kept(&path).unwrap(), Kept::Whole(secret) if secret == whole));
        }
        for broken in ["", "\n", &whole[..63], &"g".repeat(64), &"A".repeat(64), &format!("{whole}0"), &"\0".repeat(64)]
        {
            fs::write(&path, broken).unwrap();
            assert!(matches!(kept(&path).unwrap(), Kept::Broken), "{broken:?}");
        }
        fs::write(&path, [0xff; 64]).unwrap();
        assert!(matches!(kept(&path).unwrap(), Kept::Broken));
        fs::remove_dir_all(folder).unwrap();
    }
}
