//! More clients than the server has connections.

use futures_util::future::join_all;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::*;

#[tokio::test]
async fn a_server_that_is_full_is_503_until_there_is_room() {
    let app = app().await;
    let alice = app.user().await;
    let mut strangers = Vec::new();

    // A connection takes a slot before it logs in.
    for _ in 0..250 {
        let mut stranger = TcpStream::connect(("127.0.0.1", app.db.cluster.port())).await.unwrap();
        stranger.write_all(b"\0\0\0\x29\0\x03\0\0user\0postgres\0database\0postgres\0\0").await.unwrap();
        stranger.readable().await.unwrap();
        strangers.push(stranger);
    }
    assert_unavailable(&storm(&alice).await);
    assert!(app.db.cluster.log().unwrap().contains("FATAL:  sorry, too many clients already"), "this is the reason");

    drop(strangers);
    assert_eq!(recovered(&alice).await.expect(200), json!(["x"]));
    assert_eq!(app.db.count("doctors").await, 0);
}

// The limit of a role instead of the server.
#[tokio::test]
async fn a_database_with_room_for_one_serves_one() {
    let app = TestApp::start(Role::Api, probe::ROUTES).await;
    let alice = app.user().await;
    let limit = |n: i32| format!("ALTER DATABASE {} CONNECTION LIMIT {n}", app.db.name);
    app.db.owner().await.batch_execute(&limit(1)).await.unwrap();
    let backend = alice.read("SELECT pg_backend_pid()::text").await.expect(200);

    let slow = "SELECT pg_backend_pid()::text FROM pg_sleep(0.2)";
    let (a, b) = tokio::join!(alice.read(slow), alice.read(slow));
    let (served, refused) = if a.status == 200 { (a, b) } else { (b, a) };
    assert_eq!(served.expect(200), backend);
    assert_unavailable(&[refused]);

    app.db.owner().await.batch_execute(&limit(-1)).await.unwrap();
    let (a, b) = tokio::join!(alice.read(slow), alice.read(slow));
    assert_eq!((a.status, b.status), (200, 200));
}

// Three times as many environments as the server has connections; each disconnects when it is served.
#[tokio::test]
async fn excess_clients_get_503_and_are_served_on_retry() {
    const CROWD: usize = 60;
    const ROOM: usize = 20;
    let db = TestDb::new().await;
    let owner = db.owner().await;
    owner.batch_execute(&format!("ALTER DATABASE {} CONNECTION LIMIT {ROOM}", db.name)).await.unwrap();
    let one_more = || {
        let db = Database { cluster: db.cluster, name: db.name.clone() };
        TestApp::new(db, &[(Role::Api, probe::ROUTES)], |_| {}, TestDb::pool_of_one)
    };
    let token = one_more().user().await.token.clone();

    let started = Instant::now();
    let visitor = async || {
        let app = one_more();
        let user = app.with_token(token.clone());
        let mut refused = 0;
        loop {
            match user.read("SELECT 'x' FROM pg_sleep(0.1)").await {
                response if response.status == 200 => return refused,
                response => assert_unavailable(&[response]),
            }
            refused += 1;
            assert!(started.elapsed() < Duration::from_secs(60), "not served");
        }
    };
    let refused: usize = join_all((0..CROWD).map(|_| visitor())).await.into_iter().sum();

    assert!(refused > 0, "there was room for all");
    println!("{CROWD} served within {:?}, refused {refused} times", started.elapsed());
}
