//! A session that ends while a request with it is being answered.

use tokio_postgres::types::Type;

use crate::{everything, good_body, name, path, routes};

#[tokio::test]
async fn a_request_whose_session_ends_before_its_statement_runs_is_refused_and_changes_nothing() {
    const TABLES: &str =
        "BEGIN; LOCK TABLE ONLY audit_events, users, patients, doctors, mappings IN ACCESS EXCLUSIVE MODE";
    const WAITS: &str = "
        SELECT count(*) FROM pg_locks
         WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    const END: &str = "UPDATE sessions SET revoked_at = now() WHERE user_id = $1";
    let app = everything().await;
    let (owner, other) = (app.db.owner().await, app.db.owner().await);
    let refused = app.with_token(Some("bad".to_owned())).get("/api/patients").await.observable();

    for route in routes().filter(|route| !route.is_public()) {
        let user = app.user().await;
        let (patient, doctor) = (app.db.patient(user.id, "Jane").await, app.db.doctor("Dr. X").await);
        let body = good_body(route).map(|body| body.to_string());
        let path = path(route, &if route.path.contains("doctors") { doctor } else { patient }.to_string());
        owner.batch_execute(TABLES).await.unwrap();

        // It has entered, and waits for a table.
        let ending = async {
            while other.query_typed_one(WAITS, &[]).await.unwrap().get::<_, i64>(0) == 0 {
                tokio::task::yield_now().await;
            }
            other.execute_typed(END, &[(&user.id, Type::INT8)]).await.unwrap();
            owner.batch_execute("COMMIT").await.unwrap();
        };
        let (response, ()) = tokio::join!(user.call(route.method, &path, body), ending);

        assert_eq!(response.observable(), refused, "{}", name(route));
        assert_eq!(app.db.count(&format!("patients WHERE id = {patient} AND version = 1")).await, 1, "{}", name(route));
        assert_eq!(app.db.count(&format!("doctors WHERE id = {doctor} AND version = 1")).await, 1, "{}", name(route));
    }
    let more = ("patients WHERE name <> 'Jane'", "doctors WHERE name <> 'Dr. X'");
    assert_eq!((app.db.count(more.0).await, app.db.count(more.1).await, app.db.count("mappings").await), (0, 0, 0));
    assert_eq!(app.db.count("audit_events WHERE outcome = 'ok'").await, 0);
}
