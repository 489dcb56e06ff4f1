//! Environments and sessions that end, or freeze, during their work.

use std::time::Duration;

use rig::{
    lambda::Limits,
    proxy::{Mode, Proxy, Side},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use testing::product::{Product, status};
use tokio::time::Instant;

#[tokio::test]
async fn the_write_of_a_killed_environment_is_rolled_back() {
    let product = Product::new().await;
    let environment = product.environment("doctors", &Limits::default(), &[]).await;
    // The write takes four seconds at the commit, after all rows are written.
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_sleep(3.9); RETURN NULL; END $$;
                CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON doctors DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION slow()";
    product.owner.batch_execute(slow).await.unwrap();
    let new = json!({"name": "Dr. X", "specialty": "Cardiology"});
    let event = product.event("POST", "/api/doctors", Some(&new));

    let kill = async {
        product.until("wait_event = 'PgSleep'", 1).await;
        environment.kill();
        let killed = Instant::now();
        product.until("true", 0).await;
        killed.elapsed()
    };
    let (_, taken) = tokio::join!(environment.invoke(&event), kill);

    println!("the session is gone {taken:?} after the environment");
    assert_eq!(product.db.count("doctors").await, 0);
    assert!(product.db.cluster.log().unwrap().contains("connection to client lost"));
}

#[tokio::test]
async fn a_transaction_that_a_stopped_environment_left_open_is_ended_and_its_locks_are_free() {
    let product = Product::new().await;
    let doctor = product.db.doctor("Dr. X").await;
    let proxy = Proxy::start(product.db.cluster.port()).await;
    let environment =
        product.environment("doctors", &Limits::default(), &[product.database_at("doctors", proxy.port)]).await;
    // The commit does not arrive, and the connection stays open: environment and network are frozen.
    let path = format!("/api/doctors/{doctor}");
    let _ = proxy.take_messages();
    let change = json!({"name": "Dr. Y"});
    let event = product.event("PUT", &path, Some(&change));
    assert_eq!(status(environment.invoke(&event).await), 200);
    let said: usize = proxy.take_messages().iter().map(|message| message.content.len() + 5).sum();
    let commit = "COMMIT".len() + 6;
    proxy.set_open(Mode::Stall { side: Side::Client, after: said - commit });

    let stopped = async {
        product.until("state = 'idle in transaction'", 1).await;
        environment.freeze();
        let stopped = Instant::now();
        product.until("true", 0).await;
        println!("the session is gone {:?} after the environment stood still", stopped.elapsed());
        product.owner.batch_execute("SET lock_timeout = '1s'; UPDATE doctors SET name = 'Dr. Z'").await.unwrap();
        proxy.set_open(Mode::Pass);
        environment.thaw();
    };
    let (response, ()) = tokio::join!(environment.invoke(&event), stopped);

    assert_eq!(status(response), 503);
    let name: String = product.owner.query_typed_one("SELECT name FROM doctors", &[]).await.unwrap().get(0);
    assert_eq!(name, "Dr. Z");
    assert_eq!(status(environment.invoke(&event).await), 200);
}

#[tokio::test]
async fn a_session_frozen_in_a_query_is_abandoned_in_time_and_not_reused() {
    let product = Product::new().await;
    let environment = product.environment("doctors", &Limits::default(), &[]).await;
    let list = product.event("GET", "/api/doctors", None);
    assert_eq!(status(environment.invoke(&list).await), 200);
    product.owner.batch_execute("BEGIN; LOCK TABLE doctors").await.unwrap();

    let stop = async {
        product.until("wait_event_type = 'Lock'", 1).await;
        let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let backend: i32 = product.owner.query_typed_one(sql, &[]).await.unwrap().get(0);
        let backend = Pid::from_raw(backend).unwrap();
        kill_process(backend, Signal::STOP).unwrap();
        product.owner.batch_execute("COMMIT").await.unwrap();
        backend
    };
    let (measured, backend) = tokio::join!(environment.measure(&list), stop);

    assert_eq!(status(measured.outcome), 503);
    let next = environment.measure(&list).await;
    assert_eq!(status(next.outcome), 200);
    kill_process(backend, Signal::CONT).unwrap();
    product.until("true", 1).await;
    println!("503 after {:?}, the next response after {:?}", measured.wall, next.wall);
    assert!(measured.wall < Duration::from_secs(10), "Lambda would have ended the environment");
}
