//! The connection of a migration or a rotation.

use std::time::Duration;

use local::{
    rig::proxy::{Mode, Proxy},
    testing::TestDb,
};
use shared::{
    config::Role,
    db::{Connector, Session, Target, Trust},
    secrets::Cached,
};
use tokio::time::timeout;

// DB-03: the server, or something in front of it, took the connection, and nothing is heard of the login.
#[tokio::test]
async fn a_session_that_is_not_let_in_ends_in_time_and_the_next_one_works() {
    let db = TestDb::new().await;
    let proxy = Proxy::deaf(db.cluster.port()).await;
    let target = Target { host: "localhost".to_owned(), port: proxy.port, database: db.name.clone() };
    let connector = Connector::new(target, Trust::Network, Cached::fixed(TestDb::credentials(Role::Api)));

    proxy.set(Mode::Blackhole);
    let refused = timeout(Duration::from_secs(8), Session::open(&connector)).await.expect("an end in time");
    proxy.set(Mode::Pass);

    let error = refused.err().expect("nobody was let in");
    assert_eq!((error.to_string().as_str(), error.is_unavailable()), ("no connection in time", true));
    let session = Session::open(&connector).await.unwrap();
    let user = session.client.query_typed_one("SELECT current_user::text", &[]).await.unwrap();
    assert_eq!(user.get::<_, String>(0), TestDb::credentials(Role::Api).user);
    session.close().await;
}
