//! The functions as the templates name them: `Patients` of `PatientsFunction`, `PatientsRole` and the others.

use shared::config::Role;
use tables::TABLES;

/// The functions behind no route: the one of deployments, and the one that renews secrets.
pub(crate) const OPERATIONS: [&str; 2] = ["Migrate", "Rotate"];

/// The function that explains the API, and has no database.
pub(crate) const DOCS: &str = "Docs";

/// The functions behind the API that work on the database.
pub(crate) fn api() -> Vec<String> {
    TABLES.iter().map(tables::Table::pascal_name).collect()
}

/// The functions behind the API that work as this role.
pub(crate) fn of_role(role: Role) -> Vec<String> {
    TABLES.iter().filter(|table| table.role == role).map(tables::Table::pascal_name).collect()
}

/// All functions.
pub(crate) fn all() -> Vec<String> {
    [api(), vec![DOCS.to_owned()], OPERATIONS.map(str::to_owned).into()].concat()
}
