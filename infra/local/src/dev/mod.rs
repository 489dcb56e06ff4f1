//! `cargo dev`: checks the settings, starts the database and the functions, then waits for Ctrl-C.

mod checkout;
mod database;
mod env_file;
mod settings;
mod welcome;

use std::{
    fs::{File, TryLockError},
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use machine::{About, Error, Result, interrupt, postgres::Cluster, progress, tools, workspace};

use self::settings::Settings;
use crate::stack::{Options, Stack};

/// The name of the cluster that keeps the data.
const CLUSTER: &str = "dev";

/// Runs the API until a signal arrives.
///
/// # Errors
/// When something is missing or fails, with a sentence that says what to do.
pub fn run() -> Result<()> {
    interrupt::catch()?;
    let _lock = only_one("cargo dev is already running in this checkout: stop it first, with Ctrl-C.")?;
    // Before anything is built.
    let settings = Settings::load()?;
    check_port(settings.port)?;
    checkout::make_own()?;
    // First, because its prerequisites may be missing, and the database takes longer.
    tools::cargo_lambda()?;

    let cluster = match &settings.database_url {
        Some(_) => None,
        None => Some(progress::step("Starting PostgreSQL", || Cluster::persistent(CLUSTER))?),
    };
    let (port, ca_file) = (settings.port, settings.ca_file.clone());
    let mut environment = settings.for_functions.clone();
    let owner = database::owner_url(settings, cluster.as_ref())?;
    environment.extend(database::prepare(&owner, ca_file.as_deref())?);

    progress::say("Building and starting the functions …");
    let mut stack = Stack::start(&Options { port: Some(port), environment, reload: true, log: None })?;
    welcome::print(&stack.base_url())?;

    let ended = wait(&mut stack, cluster.as_ref());
    progress::say("\nStopping …");
    stack.stop()?;
    match cluster {
        Some(cluster) => cluster.stop().and(ended),
        None => ended,
    }
}

/// Empties the local data; a database that `DATABASE_URL` names is never touched.
///
/// # Errors
/// While `cargo dev` is running, or when a file cannot be deleted.
pub fn reset() -> Result<()> {
    let _lock = only_one("cargo dev is running: stop it first, with Ctrl-C, and then reset.")?;
    Cluster::delete(CLUSTER)?;
    progress::say("The local data is gone; the next `cargo dev` starts with an empty database.");
    Ok(())
}

fn wait(stack: &mut Stack, cluster: Option<&Cluster>) -> Result<()> {
    loop {
        interrupt::poll(Duration::from_millis(500), || interrupt::check().map(|()| None::<()>))?;
        stack.check()?;
        if let Some(cluster) = cluster
            && !cluster.is_running()?
        {
            return Err(Error::sentence("PostgreSQL ended by itself: run `cargo dev` again."));
        }
    }
}

fn only_one(otherwise: &str) -> Result<File> {
    let lock = workspace::lock_file(&workspace::local()?.join("dev.lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::sentence(otherwise)),
        Err(TryLockError::Error(cause)) => Err(cause).about("Cannot lock .local/dev.lock"),
    }
}

fn check_port(port: u16) -> Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop).map_err(|cause| {
        Error::sentence(format_args!(
            "Port {port} cannot be used ({cause}): stop what uses it, or choose another with PORT=3001 cargo dev."
        ))
    })
}
