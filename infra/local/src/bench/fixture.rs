//! The database and its content, a user's token, the functions' settings.

use std::time::Duration;

use serde_json::{Value, json};
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    config::Role,
    domain::{SessionId, UserId},
    secrets::Cached,
};

use crate::error::{Error, Result};
use crate::rig::event::{Call, Form};
use crate::testing::Database;

const KEY: &str = "the key that the benchmark signs with 0123456789";
const HOUR: Duration = Duration::from_secs(3600);
const PASSWORD: &str = "correct horse battery staple";

/// A hospital of a thousand patients, and somebody signed in who treats them.
pub(super) struct Fixture<'c> {
    pub(super) database: Database<'c>,
    token: String,
    patient: i64,
}

impl<'c> Fixture<'c> {
    pub(super) async fn new(database: Database<'c>) -> Result<Self> {
        const CONTENT: &str = "
            WITH added AS (
                INSERT INTO users (name, email, password_hash) VALUES ('A user', 'a@example.com', 'none') RETURNING id
            ), treated AS (
                INSERT INTO patients (user_id, name, dob, gender)
                SELECT added.id, 'Jane Doe', '1990-05-15', 'female' FROM added, generate_series(1, 1000)
            )
            INSERT INTO sessions (user_id, expires_at) SELECT id, now() + interval '1 hour' FROM added
            RETURNING user_id, id";

        let owner = database.owner().await;
        let failed = |error: tokio_postgres::Error| Error::sentence(format_args!("The database refused: {error}."));
        // A temporary cluster logs every statement, which tests read and which costs the server a write.
        let quiet = format!("ALTER DATABASE {} SET log_min_duration_statement = -1", database.name);
        owner.batch_execute(&quiet).await.map_err(failed)?;
        let row = owner.query_typed_one(CONTENT, &[]).await.map_err(failed)?;
        let (user, session): (UserId, SessionId) = (row.get(0), row.get(1));
        owner.batch_execute("VACUUM ANALYZE").await.map_err(failed)?;
        let patient = database.patient(user.get(), "John Doe").await;
        let doctor = database.doctor("Dr. Smith").await;
        database.map(user.get(), "Joan Doe", doctor).await;

        let keys = KeySet::of(KEY).map_err(|error| Error::sentence(format_args!("{error}.")))?;
        let signed = Tokens::new(Cached::fixed(keys), Clock::System, HOUR).sign(user, session).await;
        let token = signed.map_err(|_| Error::sentence("The benchmark's token cannot be signed."))?;
        Ok(Self { database, token, patient })
    }

    /// What a function finds in its environment; over TLS unless `port` is that of a proxy.
    pub(super) fn variables(&self, port: Option<u16>) -> Vec<(&'static str, String)> {
        let url = |role| {
            let url = self.database.url(role);
            match port {
                None => url + "?sslmode=require",
                Some(port) => url.replace(&format!(":{}/", self.database.cluster.port()), &format!(":{port}/")),
            }
        };
        vec![
            ("DATABASE_URL", url(Role::Api)),
            ("AUTH_DATABASE_URL", url(Role::Auth)),
            ("DATABASE_CA_FILE", self.database.cluster.ca_pem_path().display().to_string()),
            ("JWT_SECRET", KEY.to_owned()),
        ]
    }

    /// `GET` one patient.
    pub(super) fn read_patient(&self) -> String {
        self.event("GET", &format!("/api/patients/{}", self.patient), None)
    }

    /// `GET` the one list of everything that a function has to show.
    pub(super) fn read_one_of(&self, function: &str) -> String {
        match function {
            "patients" => self.read_patient(),
            "doctors" => self.event("GET", "/api/doctors/1", None),
            _ => self.event("GET", "/api/mappings", None),
        }
    }

    /// The registration of somebody who then signs in.
    pub(super) fn register(&self) -> String {
        let body = json!({ "name": "B", "email": "b@example.com", "password": PASSWORD });
        self.event("POST", "/api/auth/register", Some(&body))
    }

    /// Their login.
    pub(super) fn login(&self) -> String {
        self.event("POST", "/api/auth/login", Some(&json!({ "email": "b@example.com", "password": PASSWORD })))
    }

    fn event(&self, method: &str, path: &str, body: Option<&Value>) -> String {
        let headers = [
            ("accept", "application/json"),
            ("accept-encoding", "gzip, deflate, br"),
            ("authorization", &format!("Bearer {}", self.token)),
            ("content-type", "application/json"),
            ("host", "abc123.execute-api.eu-central-1.amazonaws.com"),
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
            ("x-amzn-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
            ("x-forwarded-for", "203.0.113.7"),
            ("x-forwarded-port", "443"),
            ("x-forwarded-proto", "https"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let body = body.map(Value::to_string);
        let call = Call { method: method.to_owned(), path: path.to_owned(), headers: headers.into(), body };
        Form::HttpApi.event(&call).to_string()
    }
}
