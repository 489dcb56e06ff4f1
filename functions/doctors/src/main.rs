//! Entry point of the doctors function; start reading at `lib.rs`.

use shared::{App, config::Role, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let app = App::from_env(Role::Api).await?;
    lambda::serve(app, doctors::ROUTES).await
}
