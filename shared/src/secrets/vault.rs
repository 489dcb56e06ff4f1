//! AWS Secrets Manager.

use std::{env, sync::OnceLock, time::Duration};

use aws_config::{BehaviorVersion, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_secretsmanager::{
    Client, Config,
    config::{Region, retry::RetryConfig, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
};

use super::SecretError;
use crate::https;

/// The code of an answer that there is no such secret, or no such version of it.
pub(super) const ABSENT: &str = "ResourceNotFoundException";

/// Which version of a secret: a label that rotation moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// In force.
    Current,
    /// In force before the last rotation.
    Previous,
    /// Being rotated in.
    Pending,
}

impl Stage {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Current => "AWSCURRENT",
            Self::Previous => "AWSPREVIOUS",
            Self::Pending => "AWSPENDING",
        }
    }
}

/// A client of Secrets Manager that is made when it is first asked.
///
/// Region, credentials and endpoint come from the environment, as AWS documents them.
#[derive(Default)]
pub struct Vault {
    client: OnceLock<Client>,
}

impl Vault {
    /// The text of a secret; `None` when it has no version of this stage.
    ///
    /// Answers within about four seconds, whatever happens.
    ///
    /// # Errors
    /// When Secrets Manager does not answer or refuses.
    pub async fn text(&self, arn: &str, stage: Stage) -> Result<Option<String>, SecretError> {
        match self.client().get_secret_value().secret_id(arn).version_stage(stage.label()).send().await {
            Ok(secret) => secret.secret_string.map(Some).ok_or(SecretError::Malformed("it holds no text")),
            Err(error) if stage != Stage::Current && code(&error) == Some(ABSENT) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }

    pub(super) fn client(&self) -> &Client {
        self.client.get_or_init(connect)
    }
}

/// The code of the refusal, if the service refused.
pub(super) fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// The SDK's messages may quote the request; the kind of failure is enough to act on.
pub(super) fn failure<E: ProvideErrorMetadata>(error: &SdkError<E>) -> SecretError {
    SecretError::NotGiven(match error {
        SdkError::ServiceError(_) => match code(error) {
            Some("DecryptionFailure") => "its key may not be used (kms:Decrypt)",
            Some("EncryptionFailure") => "its key may not be used (kms:GenerateDataKey)",
            Some(ABSENT) => "there is no such secret",
            Some("InternalServiceError") => "internal error of the service",
            _ => "access denied, throttled or refused",
        },
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "it cannot be reached, or no credentials",
        _ => "its answer cannot be read",
    })
}

/// Configured by hand, because Lambda gives credentials, region and (in tests) endpoint in the environment: the SDK's
/// default chain would link the STS client, the container and instance services and the profile files beside it.
fn connect() -> Client {
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(env::var("AWS_REGION").ok().map(Region::new))
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .http_client(https::client())
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(1))
                .operation_attempt_timeout(Duration::from_secs(2))
                .operation_timeout(Duration::from_secs(4))
                .build(),
        );
    config.set_endpoint_url(env::var("AWS_ENDPOINT_URL").ok());
    Client::from_conf(config.build())
}
