//! A login of the database has two roles, which alternate: while one is current, the other gets a new password.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotation-strategy.html>, "alternating users"

use std::sync::Arc;

use serde_json::{Map, Value};
use shared::{
    DbError,
    clock::Clock,
    config,
    operations::{self, LOCK, Login, OVERDUE, Session},
    secrets::{SecretError, Vault},
};
use tokio_postgres::{Client, types::Type};

use crate::{Error, current, pending, random_text};

/// The suffix of the second role of a pair.
const CLONE: &str = "_clone";
/// The longest name that PostgreSQL does not truncate.
const MAX_NAME_LENGTH: usize = 63;

/// The other role of the pair.
fn other(name: &str) -> String {
    name.strip_suffix(CLONE).map_or_else(|| format!("{name}{CLONE}"), str::to_owned)
}

/// Creates the other role's login with a new password, unless this rotation has one; copies the rest of the secret.
pub(crate) async fn create(vault: &Vault, arn: &str, version: &str) -> Result<(), Error> {
    if vault.pending(arn, version).await?.is_some() {
        return Ok(());
    }
    let text = current(vault, arn).await?;
    let name = other(&config::parse_login(&text)?.user);
    if name.len() > MAX_NAME_LENGTH {
        return Err(Error::Refused("the login's name is too long to have a second one beside it"));
    }
    let mut secret: Map<String, Value> =
        serde_json::from_str(&text).map_err(|_| SecretError::Malformed("it must be an object"))?;
    secret.insert("username".to_owned(), name.into());
    secret.insert("password".to_owned(), random_text()?.into());
    Ok(vault.put_pending(arn, version, Value::Object(secret).to_string()).await?)
}

/// Creates the other role, as the owner of the database: a member of the same group with the same limits.
pub(crate) async fn set(vault: Vault, arn: &str, version: &str, group: &str) -> Result<(), Error> {
    let vault = Arc::new(vault);
    let in_force = config::parse_login(&current(&vault, arn).await?)?;
    let next = config::parse_login(&pending(&vault, arn, version).await?)?;
    // The password of the current role must not change: functions log in with it.
    if next.user != other(&in_force.user) {
        return Err(Error::Refused("the version is not a login of the other user"));
    }
    let owner = operations::owner_database(&vault, &Clock::System)?;
    let login = Login { group: group.to_owned(), name: next.user, password: next.password };
    let mut session = Session::open(&owner).await?;
    let outcome = make(&mut session.client, &login, &in_force.user).await;
    session.close().await;
    Ok(outcome.map_err(DbError::from)?)
}

async fn make(owner: &mut Client, login: &Login, in_force: &str) -> Result<(), tokio_postgres::Error> {
    /// Limits the wait for a lock that a request needs, too; no lock is held meanwhile.
    const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '10s'";

    Login::end_overdue(owner, &[&login.name, in_force], OVERDUE).await;
    let transaction = owner.transaction().await?;
    transaction.batch_execute(LOCK_TIMEOUT).await?;
    transaction.batch_execute(LOCK).await?;
    login.ensure(transaction.client()).await?;
    // Also resets limits that were changed by hand, or by another release.
    Login::limit(transaction.client(), in_force).await?;
    transaction.commit().await
}

/// Logs in like a function, which refuses a role with too many privileges, and checks the role.
pub(crate) async fn test(vault: &Vault, arn: &str, version: &str, group: &str) -> Result<(), Error> {
    let in_force = config::parse_login(&current(vault, arn).await?)?;
    let next = config::parse_login(&pending(vault, arn, version).await?)?;
    let pair = [next.user.clone(), in_force.user];
    let session = Session::open(&operations::database_as(next)?).await?;
    let outcome = works(&session.client, &pair, group).await;
    session.close().await;
    outcome
}

async fn works(client: &Client, pair: &[String], group: &str) -> Result<(), Error> {
    if !are_alike(client, pair, group).await.map_err(DbError::from)? {
        return Err(Error::Refused("the new login may not do exactly what the one in force may, or has other limits"));
    }
    enters(client).await
}

/// Whether both roles are members of the group only, without own privileges, and have equal limits.
async fn are_alike(client: &Client, pair: &[String], group: &str) -> Result<bool, tokio_postgres::Error> {
    const QUESTION: &str = "-- rotate
        SELECT count(DISTINCT limits) = 1 AND bool_and(is_plain AND groups = ARRAY[$2])
          FROM (SELECT ARRAY(SELECT setdatabase || ' ' || config
                               FROM pg_db_role_setting, unnest(setconfig) config
                              WHERE setrole = r.oid ORDER BY 1) AS limits,
                       NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls) AS is_plain,
                       ARRAY(SELECT DISTINCT pg_get_userbyid(roleid)::text
                               FROM pg_auth_members WHERE member = r.oid) AS groups
                  FROM pg_roles r
                 WHERE rolname = ANY ($1)) AS pair";
    client.query_typed_one(QUESTION, &[(&pair, Type::TEXT_ARRAY), (&group, Type::TEXT)]).await?.try_get(0)
}

/// Checks EXECUTE on `app.enter`: for an unknown session it must fail with AP401, not with "permission denied".
async fn enters(client: &Client) -> Result<(), Error> {
    const NO_SESSION: &str = "-- rotate
        SELECT app.enter(0, gen_random_uuid(), 'rotation', '', false)";
    match client.query_typed(NO_SESSION, &[]).await.map_err(DbError::from) {
        Err(DbError::SessionEnded(_)) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Err(Error::Refused("the database accepts an unknown session")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_roles_take_turns() {
        assert_eq!(other("app_api_login"), "app_api_login_clone");
        assert_eq!(other(&other("app_api_login")), "app_api_login");
    }
}
