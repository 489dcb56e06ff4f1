//! Proves that a restored database can be used, without its original.

use machine::{Error, Result, workspace};
use shared::{
    config::DatabaseUrl,
    operations::{Login, Session},
};
use tokio_postgres::{Client, types::Type};

use super::{
    connection::{malformed, owner, refused},
    counters,
};

/// A user who has patients, and the number of their rows; then the number of doctors.
const OWNER: &str = "
    SELECT user_id, count(*), (SELECT count(*) FROM public.mappings m WHERE m.user_id = p.user_id),
           (SELECT count(*) FROM public.doctors)
      FROM public.patients p GROUP BY user_id ORDER BY 3 DESC, 2 DESC, 1 LIMIT 1";

/// Adds a stranger with a session, and a session of the user.
const ENTER: &str = "
    WITH stranger AS (
        INSERT INTO public.users (name, email, password_hash)
        VALUES ('Restore drill', 'restore-drill@' || gen_random_uuid() || '.invalid', 'none') RETURNING id
    ), sessions AS (
        INSERT INTO public.sessions (user_id, expires_at)
        SELECT id, now() + interval '10 minutes' FROM (SELECT id FROM stranger UNION ALL SELECT $1) users
        RETURNING user_id, id
    )
    SELECT stranger.id, theirs.id::text, ours.id::text
      FROM stranger JOIN sessions theirs ON theirs.user_id = stranger.id JOIN sessions ours ON ours.user_id = $1";
/// Removes them with their audit events.
const LEAVE: &str = "
    WITH ended AS (DELETE FROM public.sessions WHERE id::text = ANY ($2))
    DELETE FROM public.users WHERE id = $1";

/// The rows that the session sees.
const SEEN: &str = "
    SELECT (SELECT count(*) FROM patients), (SELECT count(*) FROM mappings), (SELECT count(*) FROM doctors)";

/// Constraints that were restored from a broken original, or whose checks were skipped.
const UNCHECKED: &str = "
    SELECT 'constraint ' || conname FROM pg_constraint WHERE NOT convalidated
     UNION ALL SELECT 'index ' || indexrelid::regclass FROM pg_index WHERE NOT (indisvalid AND indisready)";

/// Migrates a restored database like a deployment does, and proves that logins of both groups work in it and that the
/// walls between users stand. Leaves nothing behind; returns the applied migrations.
///
/// # Errors
/// When a login or a wall does not work, or the database cannot be migrated.
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
    let (user, whole) = (number(0)?, [number(1)?, number(2)?, number(3)?]);

    let entered = owner.query_typed_one(ENTER, &[(&user, Type::INT8)]).await.map_err(refused)?;
    let stranger: i64 = entered.try_get(0).map_err(refused)?;
    let sessions = [entered.try_get(1).map_err(refused)?, entered.try_get(2).map_err(refused)?];
    let stand = between(restored, logins, (user, whole), &sessions).await;
    owner
        .execute_typed(LEAVE, &[(&stranger, Type::INT8), (&&sessions[..], Type::TEXT_ARRAY)])
        .await
        .map_err(refused)?;
    stand
}

/// Proves the walls between a user, with this many rows, and a stranger; the sessions have the stranger's first.
async fn between(
    restored: &str,
    [auth, api]: &[Login; 2],
    (user, whole): (i64, [i64; 3]),
    [theirs, ours]: &[String; 2],
) -> Result<()> {
    let session = login(restored, api).await?;
    let client = &session.client;
    expect("a stranger sees no patient", seen(client, theirs).await? == [0, 0, whole[2]])?;
    expect("a session that has not entered sees nothing", seen(client, "").await? == [0, 0, 0])?;
    expect("the user sees what is theirs", seen(client, ours).await? == whole)?;
    expect("the user may add a patient", add(client, user, ours).await?.is_none())?;
    let denied = Some("42501".to_owned());
    expect("a stranger may not add a patient of the user", add(client, user, theirs).await? == denied)?;
    let enter = format!("SELECT app.enter({user}, gen_random_uuid(), '', '', true)");
    expect("an unknown session is refused", code(client, &enter).await? == Some("AP401".to_owned()))?;
    session.close().await;

    let session = login(restored, auth).await?;
    let client = &session.client;
    let unknown = client.query_typed("SELECT FROM app.find_login('', '')", &[]).await.map_err(refused)?;
    expect("the login of app_auth finds no account without an address", unknown.is_empty())?;
    expect("and no patient", code(client, "SELECT FROM patients").await? == denied)?;
    session.close().await;
    Ok(())
}

async fn login(restored: &str, login: &Login) -> Result<Session> {
    let url = DatabaseUrl::parse(restored).map_err(|error| malformed("restored", &error))?;
    owner(&url.with_login(&login.name, &login.password), "restored").await
}

/// The rows that this session sees; without a session if `session` is empty.
async fn seen(client: &Client, session: &str) -> Result<[i64; 3]> {
    enter(client, session).await?;
    let row = client.query_typed_one(SEEN, &[]).await.map_err(refused)?;
    client.batch_execute("ROLLBACK").await.map_err(refused)?;
    let number = |column: usize| row.try_get::<_, i64>(column).map_err(refused);
    Ok([number(0)?, number(1)?, number(2)?])
}

/// The code of the server's refusal when this session adds a patient of `user`; rolled back if it succeeds.
async fn add(client: &Client, user: i64, session: &str) -> Result<Option<String>> {
    enter(client, session).await?;
    let add = "INSERT INTO patients (user_id, name, dob, gender) VALUES ($1, 'Restore drill', '2000-01-01', 'unknown')";
    let outcome = client.execute_typed(add, &[(&user, Type::INT8)]).await;
    client.batch_execute("ROLLBACK").await.map_err(refused)?;
    refusal(outcome.map(drop))
}

async fn enter(client: &Client, session: &str) -> Result<()> {
    client
        .batch_execute(&format!("BEGIN; SELECT set_config('app.session_id', '{session}', true)"))
        .await
        .map_err(refused)
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
