//! The events of Secrets Manager.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>

use serde::Deserialize;
use serde_json::Value;

use crate::Error;

/// One step of one rotation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// The ARN of the secret.
    pub secret_id: String,
    /// The id of the version that is being rotated in.
    pub client_request_token: String,
    /// The step to run.
    pub step: Step,
}

/// The steps, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Step {
    /// Make the new version.
    #[serde(rename = "createSecret")]
    Create,
    /// Make it work where it is used.
    #[serde(rename = "setSecret")]
    Set,
    /// Try it there.
    #[serde(rename = "testSecret")]
    Test,
    /// Put it in force.
    #[serde(rename = "finishSecret")]
    Finish,
}

impl Event {
    /// # Errors
    /// When it is another kind of event; what it holds is not repeated.
    pub(crate) fn read(event: Value) -> Result<Self, Error> {
        serde_json::from_value(event).map_err(|_| Error::Refused("the event is none of a rotation"))
    }
}
