//! Entry point of the docs function; start reading at `lib.rs`.

use shared::{app, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(app::without_database()?, docs::ROUTES).await
}
