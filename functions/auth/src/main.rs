//! Entry point of the auth function; start reading at `lib.rs`.

use shared::{app, config::Role, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let services = app::from_env(Role::Auth).await?;
    lambda::serve(services, auth::ROUTES).await
}
