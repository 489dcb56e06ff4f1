//! The drill on this machine: two new servers, made-up data, a backup, a restore.

use machine::{Result, guard::Guard, postgres::Cluster, progress, workspace};
use shared::operations::Login;
use tokio_postgres::Client;

use super::{
    compare,
    connection::{owner, refused},
    dump, prove, restore, tell, tell_proof,
};

/// Data that a backup could break, and a trace of everything that happens in the product.
const SPECIMEN: &str = include_str!("specimen.sql");
const DATABASE: &str = "health";

/// Rehearses, and leaves nothing behind.
pub(super) async fn run() -> Result<()> {
    let (original, fresh) =
        progress::step("Starting two PostgreSQL servers", || Ok((Cluster::temporary()?, Cluster::temporary()?)))?;
    let folder = std::env::temp_dir().join(format!("health-drill-{}", workspace::random_hex()?));
    let _guard = Guard::new(rustix::process::Signal::TERM, Some(&folder))?;
    workspace::make_directory(&folder, 0o700)?;
    let file = folder.join("health.dump");
    let (source, restored) = (original.url(DATABASE), fresh.url(DATABASE));

    progress::say("Filling one with a made-up hospital …");
    create(&original).await?;
    fill(&source).await?;
    progress::say("Backing it up …");
    dump(&source, &file).await?;
    progress::say("Restoring the backup into the other …");
    create(&fresh).await?;
    restore(&file, &restored).await?;
    let mut session = owner(&restored, "restored").await?;
    // The migrate function makes the logins.
    migrate(&mut session.client).await?;
    progress::say("Comparing …");
    tell(&compare(&source, &restored, None).await?)?;
    progress::say("Using it …");
    tell_proof(&prove(&restored).await?);
    Ok(())
}

async fn create(cluster: &Cluster) -> Result<()> {
    let session = owner(&cluster.url("postgres"), "new").await?;
    session.client.batch_execute(&format!("CREATE DATABASE {DATABASE} TEMPLATE template0")).await.map_err(refused)?;
    session.close().await;
    Ok(())
}

/// Migrates a database, puts the specimen into it, and does the daily run, which fills in what the accounts lack.
async fn fill(url: &str) -> Result<()> {
    let mut session = owner(url, "original").await?;
    migrate(&mut session.client).await?;
    session.client.batch_execute(SPECIMEN).await.map_err(refused)?;
    migrate(&mut session.client).await?;
    session.close().await;
    Ok(())
}

async fn migrate(client: &mut Client) -> Result<()> {
    let login = |group: &str| -> Result<Login> {
        Ok(Login { group: group.to_owned(), name: format!("{group}_login"), password: workspace::random_hex()? })
    };
    let logins = [login("app_auth")?, login("app_api")?];
    let migrated = migrate::run(client, &logins).await;
    migrated.map(drop).map_err(|error| machine::Error::sentence(format_args!("Migrating failed: {error}.")))
}
