//! A server that goes down with everything that is under way, and comes back, again and again.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use machine::postgres::Cluster;
use serde_json::json;
use testing::{Client, Database, TestApp, TestDb};
use tests::TABLES;
use tokio::time::{Instant, timeout};

/// What clients were told.
#[derive(Default)]
struct Told {
    /// Ids of patients whose creation was acknowledged.
    added: RefCell<Vec<i64>>,
    /// Names of patients of whom nothing is known.
    unknown: RefCell<Vec<String>>,
    answers: Cell<usize>,
    is_over: Cell<bool>,
}

/// Adds and reads patients until it is over.
async fn work(alice: &Client<'_>, told: &Told, worker: usize) {
    for turn in 0.. {
        if told.is_over.get() {
            return;
        }
        let name = format!("{worker}-{turn}");
        let added = alice.post("/api/patients", json!({"name": name, "dob": "1990-05-15", "gender": "other"})).await;
        match added.status {
            201 => {
                let id = added.json()["id"].as_i64().unwrap();
                told.added.borrow_mut().push(id);
                let read = alice.get(&format!("/api/patients/{id}")).await;
                assert!([200, 503].contains(&read.status), "{read:?}");
                assert!(read.status == 503 || read.json()["name"] == name, "{read:?}");
            }
            503 => told.unknown.borrow_mut().push(name),
            _ => panic!("{added:?}"),
        }
        told.answers.set(told.answers.get() + 1);
    }
}

/// Stops the server at once (it recovers from its log), starts it, and waits until requests are answered again.
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
async fn a_server_that_restarts_under_its_clients_takes_back_nothing_it_acknowledged() {
    restarts(2).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_server_that_restarts_under_its_clients_time_and_again_takes_back_nothing_it_acknowledged() {
    restarts(20).await;
}

async fn restarts(times: usize) {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::temporary().unwrap()));
    let app = TestApp::new(Database::on(cluster).await, &TABLES, |_| {}, TestDb::pool);
    let alice = app.user().await;
    let told = Told::default();
    let nemesis = async {
        let mut longest = Duration::ZERO;
        for _ in 0..times {
            let before = told.answers.get();
            let progress = async {
                while told.answers.get() < before + 20 {
                    tokio::task::yield_now().await;
                }
            };
            timeout(Duration::from_secs(60), progress).await.unwrap();
            longest = longest.max(restart(&app, &alice).await);
        }
        told.is_over.set(true);
        longest
    };
    let (longest, ..) = tokio::join!(nemesis, work(&alice, &told, 0), work(&alice, &told, 1), work(&alice, &told, 2));

    let owner = app.db.owner().await;
    let rows = owner.query_typed("SELECT id, name FROM patients ORDER BY id", &[]).await.unwrap();
    let there: Vec<(i64, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    for id in told.added.borrow().iter() {
        assert_eq!(there.iter().filter(|(there, _)| there == id).count(), 1, "{id} was acknowledged");
    }
    let unknown = told.unknown.borrow();
    for (id, name) in &there {
        assert!(told.added.borrow().contains(id) || unknown.contains(name), "{id} was never asked for");
        assert_eq!(there.iter().filter(|(_, other)| other == name).count(), 1, "{name} was done twice");
    }
    println!(
        "{times} restarts, {} answers, {} unknown, at most {longest:?} until the first answer after the start",
        told.answers.get(),
        unknown.len()
    );
}
