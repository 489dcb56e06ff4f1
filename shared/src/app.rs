//! From the environment to the services that handlers use.

use std::{sync::Arc, time::Duration};

use crate::{
    Db, DbError, Services,
    auth::{Passwords, Tokens},
    clock::Clock,
    config::{self, ConfigError, Role, Settings},
    db::{ConnectError, Connector, Target, Trust},
    secrets::{Cached, SecretError, Vault},
    telemetry,
};

/// Reads the settings and opens what the first request will need: keys, and a connection to the database.
///
/// A dependency that is down is no error here: requests answer 503 until it is back.
///
/// # Errors
/// The sentence that says which setting is missing or wrong. It fails the deployment and never a request.
pub async fn from_env(role: Role) -> Result<Services, Box<dyn std::error::Error + Send + Sync>> {
    telemetry::init();
    // `main` prints the `Debug` form of an error, which of a text is the sentence itself.
    open(role).await.map_err(|error| error.to_string().into())
}

/// Reads the settings and opens nothing: for a function whose routes need neither the database nor a token. A route that
/// asks for one of them all the same gets 503.
///
/// # Errors
/// As [`from_env`].
pub fn without_database() -> Result<Services, Box<dyn std::error::Error + Send + Sync>> {
    telemetry::init();
    let (clock, settings) = (Clock::System, Settings::from_env().map_err(|error| error.to_string())?);
    let nowhere = Target { host: String::new(), port: 0, database: String::new() };
    let connector = Connector::new(nowhere, Trust::Plaintext, no_secret(&clock));
    Ok(Services {
        db: Db::new(connector, settings.concurrency, settings.audit_reads_durable, clock.clone())
            .map_err(|error| error.to_string())?,
        tokens: Tokens::new(no_secret(&clock), clock.clone(), settings.token_life),
        passwords: Passwords::default(),
        clock,
        settings,
    })
}

fn no_secret<T>(clock: &Clock) -> Cached<T> {
    Cached::fetched(clock.clone(), Duration::MAX, |_| {
        Box::pin(async { Err(SecretError::NotGiven("this function has no secrets")) })
    })
}

async fn open(role: Role) -> Result<Services, Box<dyn std::error::Error + Send + Sync>> {
    let (clock, vault) = (Clock::System, Arc::new(Vault::default()));
    let settings = Settings::from_env()?;
    let connector = config::database(role, &vault, &clock)?;
    let services = Services {
        db: Db::new(connector, settings.concurrency, settings.audit_reads_durable, clock.clone())?,
        tokens: Tokens::new(config::keys(&vault, &clock)?, clock.clone(), settings.token_life),
        passwords: Passwords::default(),
        clock,
        settings,
    };
    warm(&services).await?;
    Ok(services)
}

/// Opens what requests need. Only a role that must not be used at all is an error.
async fn warm(services: &Services) -> Result<(), ConfigError> {
    let (database, keys) = tokio::join!(services.db.warm(), services.tokens.warm());
    if let Err(error) = keys {
        telemetry::warn("cold_keys", &error);
    }
    match database {
        Ok(()) => Ok(()),
        Err(DbError::NoConnection(ConnectError::RoleTooPowerful)) => Err(ConfigError::Wrong(
            "the login of the database",
            "a member of app_auth or app_api that owns, is granted and belongs to nothing else",
        )),
        Err(error) => {
            telemetry::warn("cold_database", &error);
            Ok(())
        }
    }
}
