//! Fills in the e-mail keys of accounts that were registered without one.

use shared::{domain::Email, telemetry};
use tokio_postgres::{Client, error::SqlState, types::Type};

/// The migration that adds the column.
pub(crate) const SINCE: i32 = 8;
/// The number of accounts that one transaction changes.
const BATCH: i64 = 1_000;
/// The number of attempts of a transaction that conflicts with registrations.
const MAX_ATTEMPTS: usize = 5;
/// The number of account ids in one line of the log.
const MAX_LOGGED: usize = 100;

/// Accounts without a key, in order.
const NEXT: &str = "
    SELECT id, email FROM users WHERE email_key IS NULL AND id > $1 ORDER BY id LIMIT $2";
/// Of accounts with the same key the oldest gets it, unless another account has it. One statement, one transaction.
const FILL: &str = "
    UPDATE users SET email_key = new.email_key
      FROM (SELECT DISTINCT ON (email_key) id, email_key
              FROM unnest($1::bigint[], $2::text[]) AS given (id, email_key)
             ORDER BY email_key, id) AS new
     WHERE users.id = new.id AND users.email_key IS NULL
       AND NOT EXISTS (SELECT FROM users AS other WHERE other.email_key = new.email_key)";
/// The accounts among these without a key.
const WITHOUT: &str = "SELECT id FROM users WHERE id = ANY ($1) AND email_key IS NULL ORDER BY id";

/// Gives every account without a key its key, and logs the ids of accounts whose key is taken.
///
/// Safe to repeat, and to run beside registrations. Accounts that have a key cost nothing.
///
/// # Errors
/// When the server refuses a statement; what was filled in before stays.
pub(crate) async fn fill(client: &Client) -> Result<(), tokio_postgres::Error> {
    let (mut last, mut taken, mut refused) = (0, Vec::new(), Vec::new());
    loop {
        let rows = client.query_typed(NEXT, &[(&last, Type::INT8), (&BATCH, Type::INT8)]).await?;
        let (mut ids, mut keys) = (Vec::new(), Vec::new());
        for row in &rows {
            last = row.try_get(0)?;
            match Email::try_from(row.try_get::<_, String>(1)?) {
                Ok(email) => {
                    ids.push(last);
                    keys.push(email.key().as_str().to_owned());
                }
                Err(_) => refused.push(last),
            }
        }
        if rows.is_empty() {
            break;
        }
        taken.extend(fill_in(client, &ids, &keys).await?);
    }
    warn("accounts_that_share_an_address", &taken);
    warn("accounts_with_an_old_address", &refused);
    Ok(())
}

/// Fills in these keys, and returns the ids of the accounts whose key is taken.
async fn fill_in(client: &Client, ids: &[i64], keys: &[String]) -> Result<Vec<i64>, tokio_postgres::Error> {
    for _ in 0..MAX_ATTEMPTS {
        match client.execute_typed(FILL, &[(&ids, Type::INT8_ARRAY), (&keys, Type::TEXT_ARRAY)]).await {
            // The address was registered in between: the next attempt sees it.
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {}
            outcome => {
                outcome?;
                break;
            }
        }
    }
    let rows = client.query_typed(WITHOUT, &[(&ids, Type::INT8_ARRAY)]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

fn warn(event: &'static str, ids: &[i64]) {
    if ids.is_empty() {
        return;
    }
    let named: Vec<_> = ids.iter().take(MAX_LOGGED).map(i64::to_string).collect();
    telemetry::warn(event, &format_args!("{} accounts, by id: {}", ids.len(), named.join(", ")));
}
