//! AWS Secrets Manager.

use std::{env, sync::OnceLock, time::Duration};

use aws_config::{BehaviorVersion, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_secretsmanager::{
    Client, Config,
    config::{Region, retry::RetryConfig, timeout::TimeoutConfig},
    error::SdkError,
    operation::get_secret_value::GetSecretValueError,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};

use super::SecretError;

/// The certificate authorities that AWS endpoints are issued by; parsing five costs a tenth of the system's 145.
const AMAZON_ROOTS: &str = include_str!("amazon-roots.pem");

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
    fn label(self) -> &'static str {
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
        let client = self.client.get_or_init(connect);
        match client.get_secret_value().secret_id(arn).version_stage(stage.label()).send().await {
            Ok(secret) => secret.secret_string.map(Some).ok_or(SecretError::Malformed("it holds no text")),
            Err(SdkError::ServiceError(refusal)) => match refusal.err() {
                GetSecretValueError::ResourceNotFoundException(_) if stage != Stage::Current => Ok(None),
                error => Err(SecretError::NotGiven(reason(error))),
            },
            Err(SdkError::TimeoutError(_)) => Err(SecretError::NotGiven("no answer in time")),
            Err(SdkError::DispatchFailure(_)) => Err(SecretError::NotGiven("it cannot be reached, or no credentials")),
            Err(_) => Err(SecretError::NotGiven("its answer cannot be read")),
        }
    }
}

/// The SDK's messages may quote the request; the kind of refusal is enough to act on.
fn reason(error: &GetSecretValueError) -> &'static str {
    match error {
        GetSecretValueError::DecryptionFailure(_) => "its key may not be used (kms:Decrypt)",
        GetSecretValueError::ResourceNotFoundException(_) => "there is no such secret",
        GetSecretValueError::InternalServiceError(_) => "internal error of the service",
        _ => "access denied, throttled or refused",
    }
}

/// Configured by hand, because Lambda gives credentials, region and (in tests) endpoint in the environment: the SDK's
/// default chain would link the STS client, the container and instance services and the profile files beside it.
fn connect() -> Client {
    let roots = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    let mut http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    if let Ok(tls) = TlsContext::builder().with_trust_store(roots).build() {
        http = http.tls_context(tls);
    }
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(env::var("AWS_REGION").ok().map(Region::new))
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .http_client(http.build_https())
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
