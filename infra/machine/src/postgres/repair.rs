//! Repairs broken files of a cluster: a crash of the machine or a full disk may leave them empty or cut off.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Stdio,
};

use super::{data_directory::DataDirectory, files, lock};
use crate::{
    error::{About, Error, Result},
    progress,
    tools::postgres::Programs,
    workspace::{self, Kept},
};

/// Makes the files again that can be made again.
pub(super) fn broken(home: &DataDirectory, programs: &Programs, directory: &Path) -> Result<()> {
    for file in essential(directory) {
        if !is_filled(&file)? {
            return Err(Error::sentence(format_args!(
                "{} is not whole, and the database cannot be read without it: restore that file from a backup, or empty \
                 the database with `cargo dev reset`.",
                file.display()
            )));
        }
    }
    if !has_certificates(directory)? {
        progress::say("The certificate of the database was not whole, so a new one was made.");
        files::write_certificates(home, directory)?;
    }
    if !has_password(directory)? {
        let password = workspace::random_hex()?;
        set_password(home, programs, directory, &password)?;
        files::write(home, &files::password_file(directory), &password)?;
        progress::say("The password of the database was not whole, so a new one was made.");
    }
    Ok(())
}

/// Whether nothing needs repair.
pub(super) fn is_whole(directory: &Path) -> Result<bool> {
    for file in essential(directory) {
        if !is_filled(&file)? {
            return Ok(false);
        }
    }
    Ok(has_certificates(directory)? && has_password(directory)?)
}

fn essential(directory: &Path) -> [PathBuf; 2] {
    ["PG_VERSION", "global/pg_control"].map(|name| files::data(directory).join(name))
}

fn has_certificates(directory: &Path) -> Result<bool> {
    let data = files::data(directory);
    for file in [files::ca_pem(directory), data.join("server.crt"), data.join("server.key")] {
        if !is_pem(&file)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn has_password(directory: &Path) -> Result<bool> {
    Ok(matches!(workspace::kept(&files::password_file(directory))?, Kept::Whole(_)))
}

fn is_filled(file: &Path) -> Result<bool> {
    Ok(found(fs::metadata(file), file)?.is_some_and(|facts| facts.len() > 0))
}

fn is_pem(file: &Path) -> Result<bool> {
    let text = found(fs::read(file), file)?.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(text.is_some_and(|text| text.starts_with("-----BEGIN ") && text.trim_end().ends_with("-----")))
}

/// The result of a read, `None` for a missing file. A file that cannot be read may be whole, so it is not replaced.
fn found<T>(read: io::Result<T>, file: &Path) -> Result<Option<T>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.about_path("read", file).map(Some),
    }
}

/// Sets the superuser's password without the old one, through a server in single-user mode.
pub(super) fn set_password(home: &DataDirectory, programs: &Programs, directory: &Path, password: &str) -> Result<()> {
    let mut command = home.command(&programs.bin.join("postgres"), directory);
    command.arg("--single").arg("-D").arg(files::data(directory)).arg("postgres");
    if let Some(process) = lock::stale(directory)? {
        command.env("PG_GRANDPARENT_PID", process.to_string());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = command.spawn().about("Cannot start PostgreSQL")?;
    let statement = format!("ALTER ROLE postgres PASSWORD '{password}'\n");
    // The exit status below shows any failure of this write.
    let _ = server.stdin.take().map(|mut input| input.write_all(statement.as_bytes()));
    let ended = server.wait().about("Cannot wait for PostgreSQL")?;
    match ended.success() {
        true => Ok(()),
        false => Err(Error::sentence(format_args!(
            "The password of the database in {} is lost, and PostgreSQL does not set another ({ended}): empty the \
             database with `cargo dev reset`.",
            directory.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tokio_postgres::NoTls;

    use super::*;
    use crate::postgres::Cluster;

    /// The files of a server that was shut down in order.
    fn stopped() -> Cluster {
        let cluster = Cluster::temporary().unwrap();
        cluster.stop().unwrap();
        cluster
    }

    fn repair(cluster: &Cluster) -> Result<()> {
        broken(&cluster.home, &cluster.programs, &cluster.directory)
    }

    /// All files that an accident can break, with their content.
    fn content(cluster: &Cluster) -> Vec<Vec<u8>> {
        let data = files::data(&cluster.directory);
        let own = [files::password_file(&cluster.directory), files::ca_pem(&cluster.directory)];
        let all = own.into_iter().chain(["server.crt", "server.key", "PG_VERSION"].map(|name| data.join(name)));
        all.map(|path| fs::read(path).unwrap_or_default()).collect()
    }

    #[test]
    fn whole_files_stay_unchanged() {
        let cluster = stopped();
        let before = content(&cluster);

        repair(&cluster).unwrap();

        assert!(is_whole(&cluster.directory).unwrap());
        assert_eq!(content(&cluster), before);
    }

    #[test]
    fn truncated_empty_or_missing_certificates_are_replaced_together() {
        let cluster = stopped();
        let data = files::data(&cluster.directory);
        let [ca, certificate, key] =
            [files::ca_pem(&cluster.directory), data.join("server.crt"), data.join("server.key")];
        for break_it in [
            &|| fs::File::options().write(true).open(&certificate).unwrap().set_len(100).unwrap(),
            &|| fs::write(&ca, "").unwrap(),
            &|| fs::remove_file(&key).unwrap(),
            &|| fs::write(&key, [0xff; 300]).unwrap(),
        ] as [&dyn Fn(); 4]
        {
            break_it();
            assert!(!is_whole(&cluster.directory).unwrap());

            repair(&cluster).unwrap();

            assert!(is_whole(&cluster.directory).unwrap());
            cluster.start().unwrap();
            cluster.stop().unwrap();
        }
    }

    #[tokio::test]
    async fn a_lost_or_broken_password_is_replaced() {
        let cluster = stopped();
        let file = files::password_file(&cluster.directory);
        for break_it in
            [&|| fs::remove_file(&file).unwrap(), &|| fs::write(&file, "half of i").unwrap()] as [&dyn Fn(); 2]
        {
            break_it();
            repair(&cluster).unwrap();

            cluster.start().unwrap();
            let password = files::password(&cluster.directory).unwrap();
            let url = format!("postgres://postgres:{password}@{}:{}/postgres", cluster.host(), cluster.port());
            drop(tokio_postgres::connect(&url, NoTls).await.unwrap());
            cluster.stop().unwrap();
        }
    }

    #[test]
    fn a_missing_essential_file_is_named_and_nothing_is_replaced() {
        for name in ["PG_VERSION", "global/pg_control"] {
            let cluster = stopped();
            let file = files::data(&cluster.directory).join(name);
            fs::write(&file, "").unwrap();
            fs::remove_file(files::ca_pem(&cluster.directory)).unwrap();
            for _ in ["empty", "gone"] {
                let said = repair(&cluster).unwrap_err().to_string();
                assert!(said.starts_with(&format!("{} is not whole", file.display())), "{said}");
                assert!(!files::ca_pem(&cluster.directory).exists());
                let _ = fs::remove_file(&file);
            }
        }
    }

    #[test]
    fn an_unreadable_file_does_not_count_as_broken() {
        for name in
            ["data/PG_VERSION", "data/global/pg_control", "ca.pem", "data/server.crt", "data/server.key", "password"]
        {
            let cluster = stopped();
            let file = cluster.directory.join(name);
            fs::remove_file(&file).unwrap();
            // Root may read everything, but not what leads to itself.
            symlink(&file, &file).unwrap();

            let said = repair(&cluster).unwrap_err().to_string();

            assert!(said.starts_with(&format!("Cannot read {}: ", file.display())), "{said}");
            assert!(is_whole(&cluster.directory).is_err() && file.is_symlink());
        }
    }
}
