//! The second wall without the first: each statement as it is sent, but for one place where it names the owner.

use std::sync::{Arc, Mutex};

use local::testing::{Proxy, TestApp, TestDb};
use shared::db::Trust;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{matrix::leaks, tables::TABLES};

/// What a statement says of the owner, wherever it looks for records.
const OWNER: &str = "user_id = $1";
/// Where the third wall holds when the other two are down: what is said of a mapping's patient, the foreign key knows.
const ALSO_STRUCTURE: [&str; 2] =
    ["SELECT id, name FROM patients WHERE id = $2 AND user_id = $1", "m.patient_id = patient.id AND m.user_id = $1"];

/// The statement without naming the owner here and there, in as many bytes.
fn mutants(sql: &str) -> Vec<String> {
    let places = sql.match_indices(OWNER).map(|(place, _)| place);
    let mutant = |place: usize| {
        let (start, end) = (if sql[..place].ends_with("m.") { place - 2 } else { place }, place + OWNER.len());
        format!("{}{:<width$}{}", &sql[..start], "$1 = $1", &sql[end..], width = end - start)
    };
    places.map(mutant).collect()
}

/// Every statement that the routes of the matrix send.
async fn statements() -> Vec<String> {
    let db = TestDb::new().await;
    let proxy = Proxy::start(db.cluster.port()).await;
    let port = proxy.port;
    let app = TestApp::new(db, &TABLES, |_| {}, |db, role, clock| db.pool_at(role, clock, port, Trust::Network));
    leaks(&app, &app.user().await, &app.user().await).await;
    let parses = proxy.take_messages().into_iter().filter(|message| message.kind == b'P');
    let sql = |content: &[u8]| String::from_utf8_lossy(content).split('\0').nth(1).map(str::to_owned);
    let mut statements: Vec<_> = parses.filter_map(|message| sql(&message.content)).collect();
    statements.sort();
    statements.dedup();
    statements
}

/// What stands between the application and PostgreSQL, and sends another statement in the place of one.
struct Swap {
    port: u16,
    /// What is looked for and what is sent instead, of the same length.
    texts: Arc<Mutex<(String, String)>>,
}

impl Swap {
    async fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let texts = Arc::<Mutex<(String, String)>>::default();
        let shared = Arc::clone(&texts);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", upstream)).await.unwrap();
                client.set_nodelay(true).and(server.set_nodelay(true)).unwrap();
                let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
                let texts = Arc::clone(&shared);
                tokio::spawn(async move {
                    let mut buffer = vec![0; 1 << 16];
                    while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
                        swap(&mut buffer[..count], &texts.lock().unwrap());
                        to_server.write_all(&buffer[..count]).await.unwrap();
                    }
                });
            }
        });
        Self { port, texts }
    }
}

/// A unit is written at once, so a statement is never in two pieces.
fn swap(bytes: &mut [u8], (from, to): &(String, String)) {
    let place = bytes.windows(from.len().max(1)).position(|window| window == from.as_bytes());
    if let Some(place) = place {
        bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
    }
}

// AZ-07
#[tokio::test]
async fn a_statement_that_forgets_the_owner_meets_the_policies() {
    let db = TestDb::new().await;
    let swap = Swap::start(db.cluster.port()).await;
    let port = swap.port;
    let app = TestApp::new(db, &TABLES, |_| {}, |db, role, clock| db.pool_at(role, clock, port, Trust::Network));
    let owner = app.db.owner().await;
    let mut places = 0;

    for sql in statements().await {
        for mutant in mutants(&sql) {
            places += 1;
            assert_eq!(sql.len(), mutant.len());
            for security in ["ENABLE", "DISABLE"] {
                let wall =
                    ["patients", "mappings"].map(|table| format!("ALTER TABLE {table} {security} ROW LEVEL SECURITY"));
                owner.batch_execute(&wall.join(";")).await.unwrap();
                let (alice, mallory) = (app.user().await, app.user().await);
                *swap.texts.lock().unwrap() = (sql.clone(), mutant.clone());

                let leaks = leaks(&app, &alice, &mallory).await;

                *swap.texts.lock().unwrap() = Default::default();
                owner.batch_execute("DELETE FROM mappings; DELETE FROM patients").await.unwrap();
                // With both walls down it leaks: it is the policies that hold, and the test is not blind.
                let structure = ALSO_STRUCTURE.iter().any(|said| sql.contains(said) && !mutant.contains(said));
                let expected = security == "DISABLE" && !structure;
                assert_eq!(!leaks.is_empty(), expected, "row-level security: {security}, {mutant}: {leaks:?}");
            }
        }
    }
    assert!(places >= 10, "{places} statements that name an owner");
}
