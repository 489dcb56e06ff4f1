//! The key that signs tokens: `{"key": "…"}`.

use std::time::Duration;

use serde_json::json;
use shared::{
    auth::{KeySet, MIN_KEY_REFRESH_INTERVAL},
    config,
    secrets::Vault,
};
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

/// Waits until every function's key cache may refresh, so that all can verify the new key before any signs with it.
///
/// By then no environment signs with the previous key either, which the next rotation removes.
pub(crate) async fn give_notice() -> Result<(), Error> {
    const SLACK: Duration = Duration::from_secs(5);

    let usual = MIN_KEY_REFRESH_INTERVAL + SLACK;
    let notice = config::number("KEY_NOTICE_SECONDS", usual.as_secs())?;
    sleep(Duration::from_secs(notice)).await;
    Ok(())
}

/// Whether the functions would accept the key.
pub(crate) async fn test(vault: &Vault, arn: &str, version: &str) -> Result<(), Error> {
    KeySet::parse(&pending(vault, arn, version).await?)?;
    Ok(())
}
