//! A request whose response status is known in advance.

use machine::{Error, Result};
use rig::lambda::{Environment, Invocation, Outcome};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    status_code: u16,
}

/// Sends an event; anything but a response of this status is an error.
pub(super) async fn call(function: &Environment, event: &str, status: u16) -> Result<Invocation> {
    let invocation = function.measure(event).await;
    match &invocation.outcome {
        Outcome::Response(text)
            if serde_json::from_str(text).is_ok_and(|response: Response| response.status_code == status) =>
        {
            Ok(invocation)
        }
        other => Err(Error::sentence(format_args!(
            "Unexpected outcome of the function: {other:?} {}",
            function.log().lines().last().unwrap_or_default()
        ))),
    }
}
