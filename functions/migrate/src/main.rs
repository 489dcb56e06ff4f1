//! Entry point of the migrate function; start reading at `lib.rs`.

use lambda_runtime::{Error, run, service_fn};
use shared::telemetry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    run(service_fn(migrate::handle)).await
}
