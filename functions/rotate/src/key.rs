//! The key that signs tokens: `{"key": "…"}`.

use std::time::Duration;

use serde_json::json;
use shared::{auth::KeySet, config, secrets::Vault};
use tokio::time::sleep;

use crate::{Error, pending, random_text};

/// A new random key, unless this rotation has one.
pub(crate) async fn create(vault: &Vault, arn: &str, version: &str) -> Result<(), Error> {
    if vault.pending(arn, version).await?.is_some() {
        return Ok(());
    }
    let text = json!({ "key": random_text()? }).to_string();
    Ok(vault.put_pending(arn, version, text).await?)
}

/// Waits until every function may look for new keys again, and so finds this one when its first token comes.
///
/// A function that has just looked, because somebody sent it the name of no key, looks again only after a while. Who
/// looked before the key was there may look again when the waiting is over; who has looked since knows it. And who signs
/// does so with the key in force by then: the one before it, which soon nobody knows any more, signs nothing.
pub(crate) async fn give_notice() -> Result<(), Error> {
    const SLACK: Duration = Duration::from_secs(5);

    let usual = config::KEYS_FORCED_EVERY + SLACK;
    let notice = config::number("KEY_NOTICE_SECONDS", usual.as_secs())?;
    sleep(Duration::from_secs(notice)).await;
    Ok(())
}

/// Whether the functions would take it.
pub(crate) async fn test(vault: &Vault, arn: &str, version: &str) -> Result<(), Error> {
    KeySet::parse(&pending(vault, arn, version).await?)?;
    Ok(())
}
