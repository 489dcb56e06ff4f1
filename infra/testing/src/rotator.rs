//! Secrets Manager, as it calls the rotate function.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::{Cloud, Environment};

/// The steps of a rotation, in their order.
pub const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// The rotate function, and who calls it.
pub struct Rotator<'a> {
    /// The function.
    pub function: Environment,
    cloud: &'a Cloud,
}

impl<'a> Rotator<'a> {
    /// The function of this account.
    pub async fn new(cloud: &'a Cloud) -> Self {
        Self { function: cloud.start_for_owner("rotate").await, cloud }
    }

    /// The function with other variables.
    pub async fn with(cloud: &'a Cloud, variables: &[(&'static str, String)]) -> Self {
        Self { function: cloud.start_for_owner_with("rotate", variables).await, cloud }
    }

    /// A whole rotation of a secret; the id of its new version.
    pub async fn rotate(&self, arn: &str) -> String {
        let version = self.begin(arn).await;
        for step in STEPS {
            self.step(arn, &version, step).await.expect(step);
        }
        version
    }

    /// Starts a rotation, whose steps the test calls; the id of the new version.
    pub async fn begin(&self, arn: &str) -> String {
        let version = new_version();
        self.cloud.moto.start_rotation(arn, &version).await;
        version
    }

    /// One step.
    ///
    /// # Errors
    /// What the function says of its failure.
    pub async fn step(&self, arn: &str, version: &str, step: &str) -> Result<(), String> {
        let event = json!({"SecretId": arn, "ClientRequestToken": version, "Step": step});
        match self.function.invoke(event).await {
            Ok(response) => {
                assert_eq!(response, Value::Null);
                Ok(())
            }
            Err(error) => Err(error["errorMessage"].as_str().expect("a message").to_owned()),
        }
    }
}

/// An id that no version has.
#[must_use]
pub fn new_version() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);

    format!("00000000-0000-4000-8000-{:012}", NEXT.fetch_add(1, Ordering::Relaxed))
}
