//! A server that is restarted under load, once and repeatedly.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use machine::postgres::Cluster;
use serde_json::json;
use testing::{Client, Database, TestApp, TestDb};
use tests::TABLES;
use tokio::time::{Instant, timeout};

/// The responses that clients received.
#[derive(Default)]
struct Observed {
    /// Ids of patients whose creation was acknowledged.
    added: RefCell<Vec<i64>>,
    /// Names of patients whose creation has an unknown outcome.
    unknown: RefCell<Vec<String>>,
    responses: Cell<usize>,
    is_over: Cell<bool>,
}

/// Adds and reads patients until the test ends.
async fn work(alice: &Client<'_>, observed: &Observed, worker: usize) {
    for turn in 0.. {
        if observed.is_over.get() {
            return;
        }
        let name = format!("{worker}-{turn}");
        let added = alice.post("/api/patients", json!({"name": name, "dob": "1990-05-15", "gender": "other"})).await;
        match added.status {
            201 => {
                let id = added.json()["id"].as_i64().unwrap();
                observed.added.borrow_mut().push(id);
                let read = alice.get(&format!("/api/patients/{id}")).await;
                assert!([200, 503].contains(&read.status), "{read:?}");
                assert!(read.status == 503 || read.json()["name"] == name, "{read:?}");
            }
            503 => observed.unknown.borrow_mut().push(name),
            _ => panic!("{added:?}"),
        }
        observed.responses.set(observed.responses.get() + 1);
    }
}

/// Stops the server at once (it recovers from its log), starts it, and waits until requests succeed again.
async fn restart(app: &TestApp, alice: &Client<'_>) -> Duration {
    let cluster = app.db.cluster;
    let restart = move || cluster.stop().and_then(|()| cluster.start());
    tokio::task::spawn_blocking(restart).await.unwrap().unwrap();
    let up = Instant::now();
    while alice.get("/api/patients").await.status != 200 {
        assert!(up.elapsed() < Duration::from_secs(20), "no recovery");
    }
    up.elapsed()
}

#[tokio::test]
async fn a_server_that_restarts_under_load_keeps_all_acknowledged_writes() {
    restarts(2).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_server_that_restarts_repeatedly_under_load_keeps_all_acknowledged_writes() {
    restarts(20).await;
}

async fn restarts(times: usize) {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::temporary().unwrap()));
    let app = TestApp::new(Database::on(cluster).await, &TABLES, |_| {}, TestDb::pool);
    let alice = app.user().await;
    let observed = Observed::default();
    let nemesis = async {
        let mut longest = Duration::ZERO;
        for _ in 0..times {
            let before = observed.responses.get();
            let progress = async {
                while observed.responses.get() < before + 20 {
                    tokio::task::yield_now().await;
                }
            };
            timeout(Duration::from_secs(60), progress).await.unwrap();
            longest = longest.max(restart(&app, &alice).await);
        }
        observed.is_over.set(true);
        longest
    };
    let (longest, ..) =
        tokio::join!(nemesis, work(&alice, &observed, 0), work(&alice, &observed, 1), work(&alice, &observed, 2));

    let owner = app.db.owner().await;
    let rows = owner.query_typed("SELECT id, name FROM patients ORDER BY id", &[]).await.unwrap();
    let there: Vec<(i64, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    for id in observed.added.borrow().iter() {
        assert_eq!(there.iter().filter(|(there, _)| there == id).count(), 1, "{id} was acknowledged");
    }
    let unknown = observed.unknown.borrow();
    for (id, name) in &there {
        assert!(observed.added.borrow().contains(id) || unknown.contains(name), "{id} was never asked for");
        assert_eq!(there.iter().filter(|(_, other)| other == name).count(), 1, "{name} was done twice");
    }
    println!(
        "{times} restarts, {} responses, {} unknown, at most {longest:?} until the first response after the start",
        observed.responses.get(),
        unknown.len()
    );
}
