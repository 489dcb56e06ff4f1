//! Entry point of the auth function; start reading at `lib.rs`.

use shared::{App, config::Role, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let app = App::from_env(Role::Auth).await?;
    lambda::serve(app, auth::ROUTES).await
}
