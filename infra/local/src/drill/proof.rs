//! That a restored database can be used, shown on itself.

use shared::config::DatabaseUrl;
use shared::db::{Login, Session};
use tokio_postgres::{Client, types::Type};

use super::connection::{malformed, owner, refused};
use super::counters;
use crate::error::{Error, Result};
use crate::workspace;

/// Somebody who has patients, and how many rows are theirs; then how many doctors and users there are.
const OWNER: &str = "
    SELECT user_id, count(*), (SELECT count(*) FROM public.mappings m WHERE m.user_id = p.user_id),
           (SELECT count(*) FROM public.doctors), (SELECT count(*) FROM public.users)
      FROM public.patients p GROUP BY user_id ORDER BY 3 DESC, 2 DESC, 1 LIMIT 1";

/// What the tables hold for whoever entered.
const SEEN: &str = "
    SELECT (SELECT count(*) FROM patients), (SELECT count(*) FROM mappings), (SELECT count(*) FROM doctors)";

/// What was restored from a broken original, or copied with its checks off.
const UNCHECKED: &str = "
    SELECT 'constraint ' || conname FROM pg_constraint WHERE NOT convalidated
     UNION ALL SELECT 'index ' || indexrelid::regclass FROM pg_index WHERE NOT (indisvalid AND indisready)";

/// Brings a restored database up to date as a deployment does, and shows that logins of both groups work in it and that
/// the walls between users stand. Nothing of it is left behind; the migrations that were applied are returned.
///
/// # Errors
/// When something is not so.
pub async fn prove(restored: &str) -> Result<Vec<String>> {
    let mut session = owner(restored, "restored").await?;
    let login = |group: &str| -> Result<Login> {
        Ok(Login { group: group.to_owned(), name: format!("drill_{group}"), password: workspace::random_hex()? })
    };
    let logins = [login("app_auth")?, login("app_api")?];
    let migrated = migrate::run(&mut session.client, &logins).await;
    let proven = match migrated {
        Ok(report) => walls(restored, &session.client, &logins).await.map(|()| report.applied),
        Err(error) => {
            Err(Error::sentence(format_args!("The restored database cannot be brought up to date: {error}.")))
        }
    };
    for login in &logins {
        session.client.batch_execute(&format!("DROP ROLE IF EXISTS {}", login.name)).await.map_err(refused)?;
    }
    session.close().await;
    proven
}

async fn walls(restored: &str, owner: &Client, logins: &[Login; 2]) -> Result<()> {
    let unchecked = owner.query_typed(UNCHECKED, &[]).await.map_err(refused)?;
    if let Some(row) = unchecked.first() {
        let what: String = row.try_get(0).map_err(refused)?;
        return Err(Error::sentence(format_args!("The rows were never checked against {what}.")));
    }
    if let Some(behind) = counters::behind_their_data(owner).await?.first() {
        return Err(Error::sentence(format_args!("A {behind}.")));
    }
    let Some(row) = owner.query_typed_opt(OWNER, &[]).await.map_err(refused)? else {
        return Err(Error::sentence("The restored database has no patients: there is nothing to prove its walls on."));
    };
    let number = |column: usize| row.try_get::<_, i64>(column).map_err(refused);
    let (user, patients, mappings, doctors, users) = (number(0)?, number(1)?, number(2)?, number(3)?, number(4)?);

    let [auth, api] = logins;
    let session = login(restored, api).await?;
    let nobody = 0;
    expect("a stranger sees no patient", seen(&session.client, Some(nobody)).await? == [0, 0, doctors])?;
    expect("who has not entered sees nothing", seen(&session.client, None).await? == [0, 0, 0])?;
    expect("the user sees what is theirs", seen(&session.client, Some(user)).await? == [patients, mappings, doctors])?;
    expect("the user may add a patient", add(&session.client, user, user).await?.is_none())?;
    let denied = Some("42501".to_owned());
    expect("nobody may add a patient of somebody else's", add(&session.client, user, nobody).await? == denied)?;
    let enter = format!("SELECT app.enter({user}, gen_random_uuid(), '', '', true)");
    expect("a session that never was is refused", code(&session.client, &enter).await? == Some("AP401".to_owned()))?;
    session.close().await;

    let session = login(restored, auth).await?;
    let all = session.client.query_typed_one("SELECT count(*) FROM users", &[]).await.map_err(refused)?;
    expect("the login of app_auth sees the users", all.try_get::<_, i64>(0).map_err(refused)? == users)?;
    expect("and no patient", code(&session.client, "SELECT FROM patients").await? == denied)?;
    session.close().await;
    Ok(())
}

async fn login(restored: &str, login: &Login) -> Result<Session> {
    let url = DatabaseUrl::parse(restored).map_err(|error| malformed("restored", &error))?;
    owner(&url.with_login(&login.name, &login.password), "restored").await
}

/// What somebody sees who entered as this user, or not at all.
async fn seen(client: &Client, user: Option<i64>) -> Result<[i64; 3]> {
    enter(client, user).await?;
    let row = client.query_typed_one(SEEN, &[]).await.map_err(refused)?;
    client.batch_execute("ROLLBACK").await.map_err(refused)?;
    let number = |column: usize| row.try_get::<_, i64>(column).map_err(refused);
    Ok([number(0)?, number(1)?, number(2)?])
}

/// How the server refuses a patient of `user` that somebody adds who entered as `by`; undone if it does not.
async fn add(client: &Client, user: i64, by: i64) -> Result<Option<String>> {
    enter(client, Some(by)).await?;
    let add = "INSERT INTO patients (user_id, name, dob, gender) VALUES ($1, 'Restore drill', '2000-01-01', 'unknown')";
    let outcome = client.execute_typed(add, &[(&user, Type::INT8)]).await;
    client.batch_execute("ROLLBACK").await.map_err(refused)?;
    refusal(outcome.map(drop))
}

async fn enter(client: &Client, user: Option<i64>) -> Result<()> {
    let user = user.map(|user| user.to_string()).unwrap_or_default();
    client.batch_execute(&format!("BEGIN; SELECT set_config('app.user_id', '{user}', true)")).await.map_err(refused)
}

async fn code(client: &Client, sql: &str) -> Result<Option<String>> {
    refusal(client.batch_execute(sql).await)
}

fn refusal(outcome: std::result::Result<(), tokio_postgres::Error>) -> Result<Option<String>> {
    match outcome {
        Ok(()) => Ok(None),
        Err(error) => match error.code() {
            Some(code) => Ok(Some(code.code().to_owned())),
            None => Err(refused(error)),
        },
    }
}

fn expect(what: &str, so: bool) -> Result<()> {
    match so {
        true => Ok(()),
        false => Err(Error::sentence(format_args!("In the restored database it should be so, and is not: {what}."))),
    }
}
