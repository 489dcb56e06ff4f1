//! What lives as long as the environment.

use std::sync::Arc;

use crate::{
    ApiError, CurrentUser, Db, Request,
    auth::{Passwords, Tokens},
    clock::Clock,
    config::{self, ConfigError, Role, Settings},
    lambda,
    secrets::Vault,
    telemetry,
};

/// A function's long-lived parts, handed to every handler.
pub struct App {
    /// The database, as this function's role.
    pub db: Db,
    /// Signs and verifies tokens.
    pub tokens: Tokens,
    /// Hashes and verifies passwords; costs nothing until it is used.
    pub passwords: Passwords,
    /// What time it is.
    pub clock: Clock,
    /// Everything else that can be set.
    pub settings: Settings,
}

impl App {
    /// Reads the settings and opens what the first request will need: keys, and a connection to the database.
    ///
    /// A dependency that is down is no error here: requests answer 503 until it is back.
    ///
    /// # Errors
    /// When a setting is missing or wrong, which fails the deployment and never a request.
    pub async fn from_env(role: Role) -> Result<Self, lambda::Error> {
        telemetry::init();
        // `main` prints the `Debug` form of an error, which of a text is the sentence itself.
        Self::open(role).await.map_err(|error| error.to_string().into())
    }

    async fn open(role: Role) -> Result<Self, lambda::Error> {
        let (clock, vault) = (Clock::System, Arc::new(Vault::default()));
        let settings = Settings::from_env()?;
        let connector = config::database(role, &vault, &clock)?;
        let app = Self {
            db: Db::new(connector, settings.concurrency, settings.audit_reads_durable, clock.clone())?,
            tokens: Tokens::new(config::keys(&vault, &clock)?, clock.clone(), settings.token_life),
            passwords: Passwords::default(),
            clock,
            settings,
        };
        app.warm().await?;
        Ok(app)
    }

    /// Opens what requests need. Only a role that must not be used at all is an error.
    async fn warm(&self) -> Result<(), ConfigError> {
        let (database, keys) = tokio::join!(self.db.warm(), self.tokens.warm());
        if let Err(error) = keys {
            telemetry::warn("cold_keys", &error.cause().unwrap_or_default());
        }
        let Err(error) = database else { return Ok(()) };
        if error.is_role_too_powerful() {
            return Err(ConfigError::Wrong(
                "the login of the database",
                "a member of app_auth or app_api that owns, is granted and belongs to nothing else",
            ));
        }
        telemetry::warn("cold_database", &error);
        Ok(())
    }

    /// The caller, by the token of the request.
    ///
    /// # Errors
    /// 401 without a valid token; 503 when the keys cannot be had.
    pub async fn authenticate<'r>(&self, request: &'r Request) -> Result<CurrentUser<'r>, ApiError> {
        let (id, session) = self.tokens.verify(request.bearer()?).await?;
        request.origin().set_user(id);
        Ok(CurrentUser { id, session, origin: request.origin() })
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}
