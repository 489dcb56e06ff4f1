//! The keys of accounts that were registered without one.

use shared::{domain::Email, telemetry};
use tokio_postgres::{Client, error::SqlState, types::Type};

/// The migration that adds the column.
pub(crate) const SINCE: i32 = 8;
/// How many accounts one transaction changes.
const BATCH: i64 = 1_000;
/// How often a transaction is tried that lost against somebody who registered.
const TRIES: usize = 5;
/// How many ids of accounts one line of the log names.
const NAMED: usize = 100;

/// Accounts without a key, in order.
const NEXT: &str = "
    SELECT id, email FROM users WHERE email_key IS NULL AND id > $1 ORDER BY id LIMIT $2";
/// The oldest of those that share a key gets it, unless another account has it. One statement, one transaction.
const FILL: &str = "
    UPDATE users SET email_key = new.email_key
      FROM (SELECT DISTINCT ON (email_key) id, email_key
              FROM unnest($1::bigint[], $2::text[]) AS given (id, email_key)
             ORDER BY email_key, id) AS new
     WHERE users.id = new.id AND users.email_key IS NULL
       AND NOT EXISTS (SELECT FROM users AS other WHERE other.email_key = new.email_key)";
/// Which of these have none.
const WITHOUT: &str = "SELECT id FROM users WHERE id = ANY ($1) AND email_key IS NULL ORDER BY id";

/// Gives every account its key that has none, and says in the log which accounts cannot have theirs: their ids, no more.
///
/// Safe to repeat, also while people register. What has a key costs nothing.
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

/// Fills in these keys; the ids of the accounts whose key another one has.
async fn fill_in(client: &Client, ids: &[i64], keys: &[String]) -> Result<Vec<i64>, tokio_postgres::Error> {
    for _ in 0..TRIES {
        match client.execute_typed(FILL, &[(&ids, Type::INT8_ARRAY), (&keys, Type::TEXT_ARRAY)]).await {
            // Registered in between: the next try sees it.
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
    let named: Vec<_> = ids.iter().take(NAMED).map(i64::to_string).collect();
    telemetry::warn(event, &format_args!("{} accounts, by id: {}", ids.len(), named.join(", ")));
}
