//! The functions behind the API: the one list of them, from which everything else follows.

use shared::{Route, config::Role, db::AnyStatement};

/// A function behind the API that works on the database.
#[derive(Clone, Copy)]
pub struct Table {
    /// Its name: that of its crate and of its program.
    pub name: &'static str,
    /// What it is in the database.
    pub role: Role,
    /// What it answers.
    pub routes: &'static [Route],
    /// What it sends to the database.
    pub statements: &'static [&'static dyn AnyStatement],
}

impl Table {
    /// What its resources in the templates begin with: `Patients` for `patients`.
    #[must_use]
    pub fn pascal_name(&self) -> String {
        pascal_case(self.name)
    }
}

/// `Patients` for `patients`, `DoctorsOfPatient` for `doctors_of_patient`, `ApiPatientsId` for `/api/patients/{id}`.
#[must_use]
pub fn pascal_case(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.flat_map(|word| word.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(word.chars().skip(1))).collect()
}

/// All of them. A new function is a line here.
pub const TABLES: [Table; 4] = [
    Table { name: "auth", role: Role::Auth, routes: auth::ROUTES, statements: auth::STATEMENTS },
    Table { name: "patients", role: Role::Api, routes: patients::ROUTES, statements: patients::STATEMENTS },
    Table { name: "doctors", role: Role::Api, routes: doctors::ROUTES, statements: doctors::STATEMENTS },
    Table { name: "mappings", role: Role::Api, routes: mappings::ROUTES, statements: mappings::STATEMENTS },
];

/// Each function's role and routes: what the doubles of the functions are made of.
pub const SERVED: [(Role, &[Route]); TABLES.len()] = {
    let (mut served, mut at) = ([(Role::Api, [].as_slice()); TABLES.len()], 0);
    while at < TABLES.len() {
        #[expect(clippy::indexing_slicing, reason = "iterators cannot be used in a constant")]
        {
            served[at] = (TABLES[at].role, TABLES[at].routes);
        }
        at += 1;
    }
    served
};

/// Every route.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    TABLES.into_iter().flat_map(|table| table.routes)
}

/// Every route with the name of its function.
pub fn routes_by_function() -> impl Iterator<Item = (&'static str, &'static Route)> {
    TABLES.into_iter().flat_map(|table| table.routes.iter().map(move |route| (table.name, route)))
}

/// Every statement.
pub fn statements() -> impl Iterator<Item = &'static dyn AnyStatement> {
    TABLES.into_iter().flat_map(|table| table.statements.iter().copied())
}

/// Names and routes of everything that stands behind the gateway: the functions with a database, and the one that only
/// explains them.
#[must_use]
pub fn published() -> Vec<(&'static str, &'static [Route])> {
    TABLES.iter().map(|table| (table.name, table.routes)).chain([("docs", docs::ROUTES)]).collect()
}
