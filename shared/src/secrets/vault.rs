//! AWS Secrets Manager.

use std::{env, sync::OnceLock, time::Duration};

use aws_config::{BehaviorVersion, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_secretsmanager::{
    Client, Config,
    config::{self, Region, retry::RetryConfig, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::SecretError;
use crate::https;

/// The error code for a secret, or a version of it, that does not exist.
pub(crate) const ABSENT: &str = "ResourceNotFoundException";

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
    pub(crate) fn label(self) -> &'static str {
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
    /// Returns within about four seconds, whatever happens.
    ///
    /// # Errors
    /// When Secrets Manager does not respond or refuses.
    pub async fn text(&self, arn: &str, stage: Stage) -> Result<Option<String>, SecretError> {
        match self.client().get_secret_value().secret_id(arn).version_stage(stage.label()).send().await {
            Ok(secret) => secret.secret_string.map(Some).ok_or(SecretError::Malformed("it holds no text")),
            Err(error) if stage != Stage::Current && code(&error) == Some(ABSENT) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        self.client.get_or_init(connect)
    }
}

/// The code of the refusal, if the service refused.
pub(crate) fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// The SDK's messages may quote the request; the kind of failure is enough to act on.
pub(crate) fn failure<E: ProvideErrorMetadata>(error: &SdkError<E>) -> SecretError {
    SecretError::NotGiven(match error {
        SdkError::ServiceError(_) => match code(error) {
            Some("DecryptionFailure") => "its key may not be used (kms:Decrypt)",
            Some("EncryptionFailure") => "its key may not be used (kms:GenerateDataKey)",
            Some(ABSENT) => "there is no such secret",
            Some("InternalServiceError") => "internal error of the service",
            _ => "access denied, throttled or refused",
        },
        SdkError::TimeoutError(_) => "no response in time",
        SdkError::DispatchFailure(_) => "it cannot be reached, or no credentials",
        _ => "its response cannot be read",
    })
}

/// Configured by hand, because Lambda gives credentials, region and (in tests) endpoint in the environment: the SDK's
/// default chain would link the STS client, the container and instance services and the profile files beside it.
fn connect() -> Client {
    let mut config = limited(https::client());
    config.set_endpoint_url(env::var("AWS_ENDPOINT_URL").ok());
    let region = env::var("AWS_REGION").ok().map(Region::new);
    Client::from_conf(config.region(region).credentials_provider(EnvironmentVariableCredentialsProvider::new()).build())
}

/// The HTTP client, the number of attempts and the timeouts of every request.
fn limited(http: SharedHttpClient) -> config::Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(1))
                .operation_attempt_timeout(Duration::from_secs(2))
                .operation_timeout(Duration::from_secs(4))
                .build(),
        )
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use aws_sdk_secretsmanager::config::Credentials;
    use aws_smithy_runtime_api::client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
    };
    use tokio::time::{Instant, sleep};

    use super::*;

    /// What becomes of a request: a response after so many milliseconds, or none.
    type Fate = Option<(u64, u16, &'static str)>;

    const SECRET: Fate = Some((20, 200, r#"{"SecretString": "the text"}"#));
    const DOWN: Fate = Some((20, 500, r#"{"__type": "InternalServiceError"}"#));
    const OVERLOADED: Fate = Some((20, 503, ""));
    const THROTTLED: Fate = Some((20, 400, r#"{"__type": "ThrottlingException"}"#));

    /// A service that treats the first requests so, and all others as the last of them.
    #[derive(Clone, Debug)]
    struct Service {
        fates: &'static [Fate],
        asked: Arc<AtomicUsize>,
    }

    impl HttpConnector for Service {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            let fate = self.fates[number.min(self.fates.len() - 1)];
            HttpConnectorFuture::new(async move {
                let Some((after, status, body)) = fate else { return pending().await };
                sleep(Duration::from_millis(after)).await;
                Ok(HttpResponse::new(status.try_into().unwrap(), body.into()))
            })
        }
    }

    /// What a secret is found to be, how often it was asked for, and how long that took by a clock that moves only
    /// while everything waits.
    async fn ask(fates: &'static [Fate]) -> (Result<Option<String>, SecretError>, usize, Duration) {
        let service = Service { fates, asked: Arc::default() };
        let asked = Arc::clone(&service.asked);
        let http = http_client_fn(move |_, _| SharedHttpConnector::new(service.clone()));
        let credentials = Credentials::new("nobody", "none", None, None, "test");
        let config = limited(http).region(Region::new("eu-central-1")).credentials_provider(credentials).build();
        let vault = Vault { client: Client::from_conf(config).into() };

        let started = Instant::now();
        let text = vault.text("arn", Stage::Current).await;
        (text, asked.load(Ordering::Relaxed), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_becomes_of_the_requests_there_is_a_response_in_four_seconds() {
        const SLOW: Fate = Some((10_000, 200, "{}"));
        const SLOW_AND_DOWN: Fate = Some((1_900, 500, ""));
        const REFUSED: &str = "access denied, throttled or refused";

        for (fates, expected) in [
            (&[None] as &[Fate], "no response in time"),
            (&[SLOW], "no response in time"),
            (&[DOWN, None], "no response in time"),
            (&[DOWN], "internal error of the service"),
            (&[OVERLOADED], REFUSED),
            (&[THROTTLED], REFUSED),
        ] {
            let (text, asked, taken) = ask(fates).await;
            assert_eq!((text, asked), (Err(SecretError::NotGiven(expected)), 2), "{fates:?}");
            // The timer counts whole milliseconds.
            assert!(taken <= Duration::from_millis(4_001), "{fates:?}: {taken:?}");
        }
        let (text, asked, taken) = ask(&[SLOW_AND_DOWN]).await;
        assert!(text.is_err() && asked <= 2 && taken <= Duration::from_millis(4_001), "{text:?} {asked} {taken:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_that_fails_costs_nothing_but_time() {
        for fates in [&[None, SECRET] as &[Fate], &[DOWN, SECRET], &[OVERLOADED, SECRET], &[THROTTLED, SECRET]] {
            let (text, asked, _) = ask(fates).await;
            assert_eq!((text, asked), (Ok(Some("the text".to_owned())), 2), "{fates:?}");
        }
    }
}
