//! The files of one cluster: `data/` with the server's certificate, `ca.pem`, `password` and `log`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};

use super::{data_directory::DataDirectory, repair};
use crate::{
    error::{About, Error, Result},
    process, progress,
    tools::postgres::Programs,
    workspace::{self, Kept},
};

/// Whether the new files must survive a crash of the machine.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Sync {
    Yes,
    No,
}

pub(super) fn data(directory: &Path) -> PathBuf {
    directory.join("data")
}

pub(super) fn ca_pem(directory: &Path) -> PathBuf {
    directory.join("ca.pem")
}

pub(super) fn log(directory: &Path) -> PathBuf {
    directory.join("log")
}

pub(super) fn password_file(directory: &Path) -> PathBuf {
    directory.join("password")
}

/// The superuser's password.
pub(super) fn password(directory: &Path) -> Result<String> {
    let path = password_file(directory);
    match workspace::kept(&path)? {
        Kept::Whole(password) => Ok(password),
        _ => Err(Error::sentence(format_args!("{} is not whole: remove its folder and try again.", path.display()))),
    }
}

/// The cluster that temporary ones are copied from: copying takes a tenth of the time of `initdb`.
pub(super) fn template(home: &DataDirectory, programs: &Programs) -> Result<PathBuf> {
    let folder = home.folder()?;
    let lock = workspace::lock_file(&folder.join("template.lock"))?;
    lock.lock().about("Cannot lock the template cluster")?;
    let (major, minor) = programs.version;
    let template = folder.join(format!("template-{major}.{minor}"));
    if template.exists() && !repair::is_whole(&template)? {
        fs::remove_dir_all(&template).about_path("remove", &template)?;
    }
    if !template.exists() {
        progress::step("Preparing PostgreSQL for the tests", || create(home, programs, &template, Sync::No))?;
    }
    Ok(template)
}

/// Copies a stopped cluster.
pub(super) fn copy(home: &DataDirectory, from: &Path, to: &Path) -> Result<()> {
    home.make_directory(to)?;
    let mut copy = home.command(Path::new("cp"), to);
    process::run(copy.arg("-Rp").arg(from.join(".")).arg(to), "Copying the database files")
}

/// Makes a new cluster; the directory appears only when it is complete.
pub(super) fn create(home: &DataDirectory, programs: &Programs, directory: &Path, sync: Sync) -> Result<()> {
    home.folder()?;
    let unfinished = directory.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).about_path("remove", &unfinished)?;
    }
    home.make_directory(&unfinished)?;
    write(home, &password_file(&unfinished), &workspace::random_hex()?)?;
    init_database(home, programs, &unfinished, sync)?;
    write_certificates(home, &unfinished)?;
    fs::rename(&unfinished, directory).about_path("create", directory)?;
    workspace::sync_folder(directory).about_path("create", directory)
}

fn init_database(home: &DataDirectory, programs: &Programs, directory: &Path, sync: Sync) -> Result<()> {
    let mut initdb = home.command(&programs.bin.join("initdb"), directory);
    initdb.arg("-D").arg(data(directory)).arg("--pwfile").arg(password_file(directory));
    initdb.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"]);
    // The sort order of strings must not depend on the machine; PostgreSQL 17 has built-in locales.
    if programs.version >= (17, 0) {
        initdb.args(["--locale-provider=builtin", "--locale=C.UTF-8"]);
    } else {
        initdb.arg("--locale=C");
    }
    if sync == Sync::No {
        initdb.arg("--no-sync");
    }
    match process::output(&mut initdb) {
        Some(_) => Ok(()),
        None => Err(Error::sentence(format_args!("PostgreSQL's initdb failed in {}.", directory.display()))),
    }
}

pub(super) fn write_certificates(home: &DataDirectory, directory: &Path) -> Result<()> {
    let (ca, certificate, key) =
        certificates().map_err(|cause| Error::sentence(format_args!("Cannot make a certificate: {cause}.")))?;
    write(home, &ca_pem(directory), &ca)?;
    write(home, &data(directory).join("server.crt"), &certificate)?;
    write(home, &data(directory).join("server.key"), &key)
}

/// A certificate authority, whose key is thrown away, and a server certificate with its key, as PEM.
fn certificates() -> std::result::Result<(String, String, String), rcgen::Error> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    // OpenSSL treats a certificate whose issuer has the same name as self-signed.
    authority.distinguished_name.push(DnType::CommonName, "local authority");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let mut server = CertificateParams::new(["localhost".to_owned(), super::HOST.to_owned()])?;
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &authority)?;
    Ok((authority.pem(), certificate.pem(), key.serialize_pem()))
}

pub(super) fn write(home: &DataDirectory, path: &Path, content: &str) -> Result<()> {
    workspace::write_private(path, content)?;
    home.give(path)
}
