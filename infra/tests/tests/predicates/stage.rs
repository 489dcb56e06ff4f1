//! The functions, with the rewriter between them and their database.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::db::Trust;
use testing::{Response, TestApp, TestDb};
use tests::TABLES;
use tokio_postgres::{Client, types::Type};

use crate::{
    condition::{Mutant, name},
    rewriter::Rewriter,
};

/// The functions in front of a database that is emptied before each act.
pub(crate) struct Stage {
    /// The functions.
    pub(crate) app: TestApp,
    owner: Client,
    rewriter: Rewriter,
    functions: &'static [&'static str],
}

impl Stage {
    /// A stage on which the statements of these functions are looked at.
    pub(crate) async fn new(functions: &'static [&'static str]) -> Self {
        let db = TestDb::new().await;
        let rewriter = Rewriter::start(db.cluster.port()).await;
        let port = rewriter.port;
        let app = TestApp::new(db, &TABLES, |_| {}, |db, role, clock| db.pool_at(role, clock, port, Trust::Plaintext));
        let owner = app.db.owner().await;
        Self { app, owner, rewriter, functions }
    }

    /// Runs SQL as the owner of the tables.
    pub(crate) async fn sql(&self, sql: &str) {
        self.owner.batch_execute(sql).await.unwrap();
    }

    /// Empties every table; ids start with 1 again.
    pub(crate) async fn empty(&self) {
        self.sql("TRUNCATE users, sessions, patients, doctors, mappings, audit_events RESTART IDENTITY CASCADE").await;
    }

    /// Leaves only the statements: no row-level security, and a mapping may belong to another than its patient does.
    pub(crate) async fn take_down_the_other_walls(&self) {
        self.sql(
            "ALTER TABLE patients DISABLE ROW LEVEL SECURITY;
             ALTER TABLE mappings DISABLE ROW LEVEL SECURITY;
             ALTER TABLE doctors DISABLE ROW LEVEL SECURITY;
             ALTER TABLE mappings DROP CONSTRAINT mappings_patient_id_user_id_fkey",
        )
        .await;
    }

    /// The statements heard so far of the functions that are looked at.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.statements().into_keys().collect()
    }

    fn statements(&self) -> BTreeMap<String, Vec<u32>> {
        let mut heard = self.rewriter.heard();
        heard.retain(|statement, _| {
            // What is no store's is the unit's own: who enters, and what its role may do.
            let own = |name: &str| self.functions.iter().any(|function| name.starts_with(function));
            name(statement).is_some_and(own)
        });
        heard
    }

    /// Every mutant of the statements heard so far; PostgreSQL takes them all.
    pub(crate) async fn mutants(&self) -> Vec<Mutant> {
        let mut mutants = Vec::new();
        for (statement, types) in self.statements() {
            let types: Vec<_> = types.into_iter().map(|oid| Type::from_oid(oid).unwrap()).collect();
            for mutant in Mutant::all(&statement) {
                self.owner.prepare_typed(&mutant.mutated, &types).await.unwrap();
                mutants.push(mutant);
            }
        }
        mutants
    }

    /// From now on PostgreSQL gets this mutant in place of its statement, or every statement as it is.
    pub(crate) fn rewrite(&self, mutant: Option<&Mutant>) {
        self.rewriter.rewrite(mutant.map(|mutant| (mutant.statement.clone(), mutant.mutated.clone())));
    }

    /// The mutants under which nothing is observed but what is sound.
    pub(crate) async fn unnoticed(&self, sound: &[String], observe: impl AsyncFn(&Self) -> Vec<String>) -> Vec<String> {
        let mut unnoticed = Vec::new();
        for mutant in self.mutants().await {
            self.rewrite(Some(&mutant));
            if observe(self).await == sound {
                unnoticed.push(mutant.to_string());
            }
        }
        unnoticed
    }

    /// What a query of the owner's gives, a line for each row; its only column is text.
    pub(crate) async fn lines(&self, sql: &str) -> Vec<String> {
        let rows = self.owner.query_typed(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Who did what to which record, and how it ended; records from 1000 on are the act's own business.
    pub(crate) async fn trail(&self) -> Vec<String> {
        let trail = "SELECT concat_ws(' ', user_id, action, record_id, outcome)
                       FROM audit_events WHERE coalesce(record_id, 0) < 1000 ORDER BY id";
        self.lines(trail).await
    }
}

/// A response without what differs from run to run.
pub(crate) fn stable(response: &Response) -> String {
    fn strip(value: &mut Value) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(strip),
            Value::Object(members) => {
                for name in ["createdAt", "updatedAt", "requestId", "token"] {
                    members.remove(name);
                }
                members.values_mut().for_each(strip);
            }
            _ => {}
        }
    }
    let mut body = if response.text.is_empty() { Value::Null } else { response.json() };
    strip(&mut body);
    format!("{} {body}", response.status)
}

/// The names of all statements of the functions, sorted.
pub(crate) fn written() -> Vec<String> {
    let mut names: Vec<_> = tables::statements().map(|statement| statement.name().to_owned()).collect();
    names.sort_unstable();
    names
}
