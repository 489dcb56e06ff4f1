//! Entry point of the mappings function; start reading at `lib.rs`.

use shared::{app, config::Role, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let services = app::from_env(Role::Api).await?;
    lambda::serve(services, mappings::ROUTES).await
}
