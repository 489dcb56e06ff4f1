//! The calls of a rotation to Secrets Manager. No request of a user makes one.

use std::collections::HashMap;

use crate::secrets::{
    SecretError, Stage, Vault,
    vault::{ABSENT, code, failure},
};

/// The versions of a secret, and the labels that each of them carries.
pub struct Versions {
    labels: HashMap<String, Vec<String>>,
    /// Whether the secret is set up to be rotated.
    pub rotates: bool,
}

impl Versions {
    /// Whether there is such a version, labelled or about to be.
    #[must_use]
    pub fn has(&self, version: &str) -> bool {
        self.labels.contains_key(version)
    }

    /// Whether this version carries the label of this stage.
    #[must_use]
    pub fn is(&self, version: &str, stage: Stage) -> bool {
        self.labels.get(version).is_some_and(|labels| labels.iter().any(|label| label == stage.label()))
    }

    /// The version in force.
    #[must_use]
    pub fn current(&self) -> Option<&str> {
        self.labels.keys().map(String::as_str).find(|version| self.is(version, Stage::Current))
    }
}

impl Vault {
    /// Which versions a secret has.
    ///
    /// # Errors
    /// When Secrets Manager does not respond or refuses.
    pub async fn versions(&self, arn: &str) -> Result<Versions, SecretError> {
        match self.client().describe_secret().secret_id(arn).send().await {
            Ok(secret) => Ok(Versions {
                rotates: secret.rotation_enabled == Some(true),
                labels: secret.version_ids_to_stages.unwrap_or_default(),
            }),
            Err(error) => Err(failure(&error)),
        }
    }

    /// The text of the version that is being rotated in; `None` as long as it has none.
    ///
    /// # Errors
    /// When Secrets Manager does not respond or refuses.
    pub async fn pending(&self, arn: &str, version: &str) -> Result<Option<String>, SecretError> {
        let get = self.client().get_secret_value().secret_id(arn);
        match get.version_id(version).version_stage(Stage::Pending.label()).send().await {
            Ok(secret) => secret.secret_string.map(Some).ok_or(SecretError::Malformed("it holds no text")),
            Err(error) if code(&error) == Some(ABSENT) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Gives the version that is being rotated in its text, unless another call was quicker: then it has one.
    ///
    /// # Errors
    /// When Secrets Manager does not respond or refuses.
    pub async fn put_pending(&self, arn: &str, version: &str, text: String) -> Result<(), SecretError> {
        const EXISTS: &str = "ResourceExistsException";

        let put = self.client().put_secret_value().secret_id(arn).client_request_token(version);
        match put.version_stages(Stage::Pending.label()).secret_string(text).send().await {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == Some(EXISTS) && self.pending(arn, version).await?.is_some() => Ok(()),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Puts `version` in force in the place of `before`, which becomes the previous one.
    ///
    /// # Errors
    /// When Secrets Manager does not respond or refuses.
    pub async fn make_current(&self, arn: &str, version: &str, before: &str) -> Result<(), SecretError> {
        let update = self.client().update_secret_version_stage().secret_id(arn).version_stage(Stage::Current.label());
        match update.move_to_version_id(version).remove_from_version_id(before).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(failure(&error)),
        }
    }
}
