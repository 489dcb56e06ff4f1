//! Every route that names a record with an owner, called by another user.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testing::{Client, TestApp};
use tests::TABLES;

/// The kinds of owned records.
#[derive(Clone, Copy)]
enum Of {
    Patient,
    Mapping,
}

/// Every route that names an owned record, and the owner's status; in an order in which all succeed.
const OWNED: [(&str, &str, Of, u16); 6] = [
    ("GET", "/api/patients/{id}", Of::Patient, 200),
    ("PUT", "/api/patients/{id}", Of::Patient, 200),
    ("GET", "/api/mappings/{id}", Of::Patient, 200),
    ("POST", "/api/mappings", Of::Patient, 201),
    ("DELETE", "/api/mappings/{id}", Of::Mapping, 200),
    ("DELETE", "/api/patients/{id}", Of::Patient, 200),
];

/// Every other route: it names no record, or one without an owner.
const FREE: [&str; 13] = [
    "GET /api/health/ready",
    "POST /api/auth/register",
    "POST /api/auth/login",
    "POST /api/auth/logout",
    "GET /api/auth/me",
    "POST /api/patients",
    "GET /api/patients",
    "POST /api/doctors",
    "GET /api/doctors",
    "GET /api/doctors/{id}",
    "PUT /api/doctors/{id}",
    "DELETE /api/doctors/{id}",
    "GET /api/mappings",
];

/// A patient, its mapping, and two doctors: the assigned one, and another one.
struct Records {
    patient: i64,
    mapping: i64,
    doctor: i64,
    free_doctor: i64,
}

impl Records {
    async fn of(user: &Client<'_>) -> Self {
        let add = async |path: &str, body: Value| user.post(path, body).await.expect(201)["id"].as_i64().unwrap();
        let doctor = json!({"name": "Dr. X", "specialty": "Y"});
        let patient = add("/api/patients", json!({"name": "Jane", "dob": "1990-05-15", "gender": "female"})).await;
        let (free_doctor, doctor) = (add("/api/doctors", doctor.clone()).await, add("/api/doctors", doctor).await);
        let mapping = add("/api/mappings", json!({"patientId": patient, "doctorId": doctor})).await;
        Self { patient, mapping, doctor, free_doctor }
    }

    fn id(&self, of: Of) -> i64 {
        match of {
            Of::Patient => self.patient,
            Of::Mapping => self.mapping,
        }
    }
}

type Observed = (u16, std::collections::BTreeMap<String, String>, String);

async fn call(user: &Client<'_>, method: &str, path: &str, id: i64, free_doctor: i64) -> Observed {
    let body = match method {
        "PUT" => Some(json!({"name": "Stolen"})),
        "POST" => Some(json!({"patientId": id, "doctorId": free_doctor})),
        _ => None,
    };
    let path = path.replace("{id}", &id.to_string());
    user.call(method, &path, body.map(|body| body.to_string())).await.observable()
}

/// All rows of a user, read without walls.
async fn belongings(owner: &tokio_postgres::Client, user: i64) -> Vec<String> {
    let sql = format!(
        "SELECT p::text FROM patients p WHERE user_id = {user} UNION ALL
         SELECT m::text FROM mappings m WHERE user_id = {user} ORDER BY 1"
    );
    owner.query_typed(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// What `mallory` can learn of Alice's records, or do to them: nothing, if a wall holds.
pub(crate) async fn leaks(app: &TestApp, alice: &Client<'_>, mallory: &Client<'_>) -> Vec<String> {
    let owner = app.db.owner().await;
    let (theirs, gone) = (Records::of(alice).await, Records::of(mallory).await);
    for (method, path, of, status) in OWNED {
        let (got, ..) = call(mallory, method, path, gone.id(of), gone.free_doctor).await;
        assert_eq!(got, status, "{method} {path} of one's own");
    }
    let mine = Records::of(mallory).await;
    let before = belongings(&owner, alice.id).await;
    let mut leaks = Vec::new();

    for (method, path, of, _) in OWNED {
        let response = async |id: i64| call(mallory, method, path, id, mine.free_doctor).await;
        let (not_theirs, deleted, never) =
            (response(theirs.id(of)).await, response(gone.id(of)).await, response(999_999_999).await);
        if deleted != never || never.0 != 404 {
            leaks.push(format!("{method} {path}: {deleted:?} {never:?}"));
        }
        if not_theirs != never {
            leaks.push(format!("{method} {path}: {not_theirs:?} differs from {never:?}"));
        }
    }
    let kept = mallory.delete(&format!("/api/doctors/{}", theirs.doctor)).await;
    if kept.status != 409 {
        leaks.push(format!("a doctor whom others need is deleted: {kept:?}"));
    }
    for (list, mine) in [("/api/patients", mine.patient), ("/api/mappings", mine.mapping)] {
        let list = mallory.get(list).await.expect(200);
        let ids: Vec<_> = list.as_array().unwrap().iter().map(|record| &record["id"]).collect();
        if ids != [&Value::from(mine)] {
            leaks.push(format!("a list holds {ids:?}, not only {mine}"));
        }
    }
    if belongings(&owner, alice.id).await != before {
        leaks.push("what is Alice's has changed".to_owned());
    }
    mallory.delete(&format!("/api/patients/{}", mine.patient)).await.expect(200);
    leaks
}

#[tokio::test]
async fn another_users_record_looks_like_a_missing_one_on_every_route() {
    let app = TestApp::start_all(&TABLES).await;
    let users = [app.user().await, app.user().await, app.user().await];

    for alice in &users {
        for mallory in users.iter().filter(|user| user.id != alice.id) {
            assert_eq!(leaks(&app, alice, mallory).await, [] as [String; 0]);
            let owner = app.db.owner().await;
            owner.batch_execute("DELETE FROM mappings; DELETE FROM patients").await.unwrap();
        }
    }
}

#[test]
fn every_route_is_in_the_matrix() {
    let owned = OWNED.iter().map(|(method, path, ..)| format!("{method} {path}"));
    let listed: BTreeSet<_> = owned.chain(FREE.map(str::to_owned)).collect();
    assert_eq!(listed, tables::routes().map(|route| format!("{} {}", route.method, route.path)).collect());
}
