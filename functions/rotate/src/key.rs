//! The key that signs tokens: `{"key": "…"}`.

use serde_json::json;
use shared::{auth::KeySet, secrets::Vault};

use crate::{Error, pending, random_text};

/// A new random key, unless this rotation has one.
pub(crate) async fn create(vault: &Vault, arn: &str, version: &str) -> Result<(), Error> {
    if vault.pending(arn, version).await?.is_some() {
        return Ok(());
    }
    let text = json!({ "key": random_text()? }).to_string();
    Ok(vault.put_pending(arn, version, text).await?)
}

/// Whether the functions would take it.
pub(crate) async fn test(vault: &Vault, arn: &str, version: &str) -> Result<(), Error> {
    KeySet::parse(&pending(vault, arn, version).await?)?;
    Ok(())
}
