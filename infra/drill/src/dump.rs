//! A logical backup with `pg_dump` and `pg_restore`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    str::FromStr,
};

use machine::{About, Error, Result, tools, workspace};
use tokio_postgres::{
    Client, Config,
    config::{Host, SslMode},
};

use super::connection::{owner, refused};

/// Whether a database contains anything.
const IS_EMPTY: &str = "
    SELECT NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
                        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')";

/// Writes the content of the database of this owner's URL into a file that only its owner can read.
///
/// # Errors
/// When the database cannot be reached, or `pg_dump` fails.
pub async fn dump(source: &str, file: &Path) -> Result<()> {
    let session = owner(source, "original").await?;
    let program = program("pg_dump", &session.client).await?;
    session.close().await;
    workspace::write_private(file, "")?;
    run(Command::new(program).arg("--format=custom").arg("--file").arg(file), source)
}

/// Restores such a file into an empty database. The login of this URL becomes its owner.
///
/// The group roles are made first, because a dump grants privileges to them but does not contain them. The migrate
/// function makes the functions' logins.
///
/// # Errors
/// When the database cannot be reached or is not empty, or `pg_restore` fails: then it is still empty.
pub async fn restore(file: &Path, restored: &str) -> Result<()> {
    let session = owner(restored, "restored").await?;
    let row = session.client.query_typed_one(IS_EMPTY, &[]).await.map_err(refused)?;
    if !row.try_get::<_, bool>(0).map_err(refused)? {
        return Err(Error::sentence("The database to restore into is not empty: create a new one."));
    }
    let program = program("pg_restore", &session.client).await?;
    migrate::group_roles(&session.client)
        .await
        .map_err(|error| Error::sentence(format_args!("The roles cannot be made: {error}.")))?;
    let mut command = Command::new(program);
    command.args(["--single-transaction", "--no-owner", "--dbname", database(restored)?.as_str()]).arg(file);
    run(&mut command, restored)?;
    // A dump has no statistics; without them the first requests would be planned badly.
    session.client.batch_execute("ANALYZE").await.map_err(refused)?;
    session.close().await;
    Ok(())
}

async fn program(name: &str, client: &Client) -> Result<PathBuf> {
    let version = "SELECT current_setting('server_version_num')::integer / 10000";
    let row = client.query_typed_one(version, &[]).await.map_err(refused)?;
    let major: i32 = row.try_get(0).map_err(refused)?;
    Ok(tools::postgres_client(major.unsigned_abs())?.join(name))
}

fn run(command: &mut Command, url: &str) -> Result<()> {
    connect_to(command, url)?;
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().about(format_args!("Cannot start {program}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Error::sentence(format_args!(
            "{program} failed: {}",
            without_values(&program, &String::from_utf8_lossy(&output.stderr))
        ))),
    }
}

/// Passes the connection by environment variables, because all users of a machine can read arguments. Only a server on
/// this machine is trusted without a certificate.
fn connect_to(command: &mut Command, url: &str) -> Result<()> {
    let config = parse(url)?;
    let ([Host::Tcp(host)], Some(user)) = (config.get_hosts(), config.get_user()) else { return Err(no_url()) };
    let password = String::from_utf8_lossy(config.get_password().unwrap_or_default()).into_owned();
    command.env("PGHOST", host).env("PGUSER", user).env("PGPASSWORD", password).env("PGDATABASE", database(url)?);
    command.env("PGPORT", config.get_ports().first().unwrap_or(&5432).to_string());
    let here = matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1");
    match config.get_ssl_mode() {
        SslMode::Disable => command.env("PGSSLMODE", "disable"),
        SslMode::Prefer if here => command.env("PGSSLMODE", "prefer"),
        _ => {
            let amazons = || workspace::root().join("shared/src/db/rds-roots.pem").into();
            command.env("PGSSLMODE", "verify-full");
            command.env("PGSSLROOTCERT", std::env::var_os("DATABASE_CA_FILE").unwrap_or_else(amazons))
        }
    };
    Ok(())
}

fn database(url: &str) -> Result<String> {
    Ok(parse(url)?.get_dbname().ok_or_else(no_url)?.to_owned())
}

fn parse(url: &str) -> Result<Config> {
    let url = url.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
    Config::from_str(&url).map_err(|_| no_url())
}

fn no_url() -> Error {
    Error::sentence("That is no URL such as postgres://owner:password@host:5432/health.")
}

/// A program's error message without details, contexts and values, which quote rows.
fn without_values(program: &str, said: &str) -> String {
    let own = said.lines().filter(|line| line.starts_with(&format!("{program}: ")));
    let safe = own.map(|line| match line.split_once("COPY failed") {
        Some((before, after)) => format!("{before}COPY failed{}", after.split("ERROR:").next().unwrap_or_default()),
        None => line.to_owned(),
    });
    safe.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_failed_restore_has_no_value_of_a_row() {
        let said = "pg_restore: while PROCESSING TOC:\n\
                    pg_restore: from TOC entry 3514; 0 16411 TABLE DATA patients postgres\n\
                    pg_restore: error: COPY failed for table \"patients\": ERROR:  invalid input: \"Jane Doe\"\n\
                    DETAIL:  Key (name)=(Jane Doe) already exists.\n\
                    CONTEXT:  COPY patients, line 3: \"3\tJane Doe\"\n";

        let message = without_values("pg_restore", said);

        assert!(message.contains("patients") && message.contains("COPY failed for table"), "{message}");
        assert!(!message.contains("Jane"), "{message}");
    }
}
