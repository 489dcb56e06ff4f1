//! A pooler between the functions and the database, which runs each transaction in another session.

use rig::{Gateway, Pooler, event::Form, lambda::Limits};
use shared::{
    config::Role,
    db::{Db, Trust},
};
use testing::{TestApp, TestDb, probe, product::Product};

/// A pool of one connection through this pooler.
fn through(pooler: &Pooler) -> impl Fn(&TestDb, Role, &shared::clock::Clock) -> Db {
    let port = pooler.port;
    move |db, role, clock| db.pool_of(1, TestDb::credentials(role), clock, port, Trust::Plaintext)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_contract_holds_behind_a_transaction_pooler() {
    let product = Product::new().await;
    let pooler = Pooler::start(product.db.cluster.port()).await;
    let mut functions = Vec::new();
    for (name, routes) in [
        ("doctors", doctors::ROUTES),
        ("patients", patients::ROUTES),
        ("mappings", mappings::ROUTES),
        ("auth", auth::ROUTES),
        ("docs", docs::ROUTES),
    ] {
        functions.push((
            routes,
            product.function(name, &Limits::default(), 2, &[product.database_at(name, pooler.port)]).await,
        ));
    }
    let gateway = Gateway::start(Form::HttpApi, functions).await.unwrap();

    let walk = tests::smoke(&gateway.url()).output();
    let output = walk.unwrap();

    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    // The three functions of one role share their sessions.
    assert!(pooler.switches() > 20, "{}", pooler.switches());
}

#[tokio::test]
async fn no_session_state_reaches_another_user_through_a_pooler() {
    const IDENTITY: &str = "SELECT concat_ws('/', app.current_user_id(), app.current_session_id(), pg_backend_pid())";
    let pooler = Pooler::start(TestDb::new().await.cluster.port()).await;
    let app = TestApp::new(TestDb::new().await, &[(Role::Api, probe::ROUTES)], |_| {}, through(&pooler));
    let (alice, bob) = (app.user().await, app.user().await);
    let database = || TestDb { cluster: app.db.cluster, name: app.db.name.clone() };
    // Other users' connections, whose sessions are reused.
    let mut backends = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let other = TestApp::new(database(), &[(Role::Api, probe::ROUTES)], |_| {}, through(&pooler));
        other.with_token(alice.token.clone()).one(IDENTITY).await;
    }

    for round in 0..200 {
        let user = if round % 2 == 0 { &alice } else { &bob };
        let identity = user.one(IDENTITY).await;
        let (asked, backend) = identity.rsplit_once('/').unwrap();
        assert!(asked.starts_with(&format!("{}/", user.id)), "{identity}");
        backends.insert(backend.to_owned());
        match round % 3 {
            0 => assert_eq!(user.write("SELECT (1 / 0)::text").await.status, 400),
            1 => assert_eq!(user.write("SELECT nothing FROM nowhere").await.status, 500),
            _ => {}
        }
    }
    assert_eq!(backends.len(), 4);
}
