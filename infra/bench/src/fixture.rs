//! The database with its content, signed-in users, and the functions' settings.

use std::time::Duration;

use machine::{Error, Result};
use serde_json::json;
use shared::{
    auth::{KeySet, Passwords, Tokens},
    clock::Clock,
    config::Role,
    domain::{SessionId, UserId},
    secrets::Cached,
};
use testing::{Database, Moto};
use tokio_postgres::{Client, types::Type};

use super::unit::{SPARE_DOCTORS, SPARE_MAPPINGS, SPARE_PATIENTS, SPARES, UNMAPPED_PATIENTS};

pub(super) const PASSWORD: &str = "correct horse battery staple";
const KEY: &str = "the key that the benchmark signs with 0123456789";
const HOUR: Duration = Duration::from_secs(3600);

/// A signed-in user with a patient.
pub(super) struct Someone {
    pub(super) patient: i64,
    /// The first lasts; signing out uses up the others.
    tokens: Vec<String>,
}

impl Someone {
    /// A client without a token, for what only the requests are needed.
    #[cfg(test)]
    pub(super) fn without_tokens() -> Self {
        Self { patient: 1, tokens: Vec::new() }
    }

    /// The token for the request of this number, from 0 on, to this route.
    pub(super) fn token(&self, route: &str, number: i64) -> &str {
        let last = if route == "/api/auth/logout" { 1 + usize::try_from(number).unwrap_or_default() } else { 0 };
        self.tokens.get(last).map_or("", String::as_str)
    }
}

/// The database of the benchmark and its users.
pub(super) struct Fixture<'c> {
    pub(super) database: Database<'c>,
    /// Has a hundred patients, one of them with a doctor.
    pub(super) reader: Someone,
    /// Has ten thousand patients.
    pub(super) collector: Someone,
    /// Has the rows that the benchmark deletes.
    pub(super) writer: Someone,
}

impl<'c> Fixture<'c> {
    pub(super) async fn new(database: Database<'c>) -> Result<Self> {
        let owner = database.owner().await;
        // A temporary cluster logs every statement for tests, which costs the server a write.
        let settings = format!("ALTER DATABASE {} SET log_min_duration_statement = -1", database.name);
        owner.batch_execute(&settings).await.map_err(failed)?;
        let doctor = "INSERT INTO doctors (name, specialty) VALUES ('Dr. Smith', 'Cardiology')";
        owner.batch_execute(doctor).await.map_err(failed)?;
        let [reader, collector, writer] = [
            Self::someone(&owner, 100, 1).await?,
            Self::someone(&owner, 10_000, 1).await?,
            Self::someone(&owner, 1, 2 * SPARES).await?,
        ];
        let spares = format!(
            "INSERT INTO mappings (patient_id, user_id, doctor_id)
             SELECT id, user_id, 1 FROM patients WHERE id = {reader};
             INSERT INTO patients (id, user_id, name, dob, gender) OVERRIDING SYSTEM VALUE
             SELECT base + n, user_id, 'Jane Doe', '1990-05-15', 'female'
               FROM patients, unnest(ARRAY[{SPARE_PATIENTS}, {UNMAPPED_PATIENTS}, {SPARE_MAPPINGS}]) base,
                    generate_series(0, {last}) n WHERE id = {writer};
             INSERT INTO mappings (id, patient_id, user_id, doctor_id) OVERRIDING SYSTEM VALUE
             SELECT id, id, user_id, 1 FROM patients WHERE id BETWEEN {SPARE_MAPPINGS} AND {SPARE_MAPPINGS} + {last}",
            reader = reader.patient,
            writer = writer.patient,
            last = 2 * SPARES - 1,
        );
        owner.batch_execute(&spares).await.map_err(failed)?;
        let hash = Passwords::default().hash(PASSWORD).await.map_err(|_| Error::sentence("Argon2id failed."))?;
        let user = "INSERT INTO users (name, email, password_hash) VALUES ('B', 'b@example.com', $1)";
        owner.execute_typed(user, &[(&hash, Type::TEXT)]).await.map_err(failed)?;
        owner.batch_execute("VACUUM ANALYZE").await.map_err(failed)?;
        Ok(Self { database, reader, collector, writer })
    }

    async fn someone(owner: &Client, patients: i64, sessions: i64) -> Result<Someone> {
        const USER: &str = "
            INSERT INTO users (name, email, password_hash)
            VALUES ('A user', gen_random_uuid() || '@example.com', 'none') RETURNING id";
        const PATIENTS: &str = "
            INSERT INTO patients (user_id, name, dob, gender)
            SELECT $1, 'Jane Doe', '1990-05-15', 'female' FROM generate_series(1, $2) RETURNING id";
        const SESSIONS: &str = "
            INSERT INTO sessions (user_id, expires_at)
            SELECT $1, now() + interval '1 hour' FROM generate_series(1, $2) RETURNING id";

        let user: UserId = owner.query_typed_one(USER, &[]).await.map_err(failed)?.get(0);
        let rows = |sql, count: i64| async move {
            owner.query_typed(sql, &[(&user, Type::INT8), (&count, Type::INT8)]).await.map_err(failed)
        };
        let patient = rows(PATIENTS, patients).await?.first().map_or(0, |row| row.get(0));
        let keys = KeySet::of(KEY).map_err(|error| Error::sentence(format_args!("{error}.")))?;
        let signing = Tokens::new(Cached::fixed(keys), Clock::System, HOUR);
        let mut tokens = Vec::new();
        for row in rows(SESSIONS, sessions).await? {
            let session: SessionId = row.get(0);
            let signed = signing.sign(user, session).await;
            tokens.push(signed.map_err(|_| Error::sentence("The benchmark's token cannot be signed."))?);
        }
        Ok(Someone { patient, tokens })
    }

    /// Adds doctors to be deleted. They are in every user's list, so they are added after the lists are measured.
    pub(super) async fn spare_doctors(&self) -> Result<()> {
        let sql = format!(
            "INSERT INTO doctors (id, name, specialty) OVERRIDING SYSTEM VALUE
             SELECT {SPARE_DOCTORS} + n, 'Dr. Spare', 'Cardiology' FROM generate_series(0, {}) n",
            2 * SPARES - 1
        );
        self.database.owner().await.batch_execute(&sql).await.map_err(failed)
    }

    /// The environment variables of a function; its connection uses TLS unless `port` is that of a proxy.
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

    /// The same as in AWS: secrets from Secrets Manager at `secrets`, and TLS to the database at this port.
    pub(super) async fn secrets(&self, moto: &Moto, secrets: u16, port: u16) -> Vec<(&'static str, String)> {
        let login = Database::credentials(Role::Api);
        let login = json!({ "username": login.user, "password": login.password });
        vec![
            ("DATABASE_SECRET_ARN", moto.create(login).await),
            ("JWT_SECRET_ARN", moto.create(json!({ "key": KEY })).await),
            ("DATABASE_HOST", "localhost".to_owned()),
            ("DATABASE_PORT", port.to_string()),
            ("DATABASE_NAME", self.database.name.clone()),
            ("DATABASE_CA_FILE", self.database.cluster.ca_pem_path().display().to_string()),
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{secrets}")),
        ]
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn failed(error: tokio_postgres::Error) -> Error {
    Error::sentence(format_args!("The database refused: {error}."))
}
