//! The route tables of all functions, each with the role that the function works as.

use shared::{Route, config::Role};

/// What API Gateway stands in front of.
pub(crate) const TABLES: [(Role, &[Route]); 4] = [
    (Role::Auth, auth::ROUTES),
    (Role::Api, patients::ROUTES),
    (Role::Api, doctors::ROUTES),
    (Role::Api, mappings::ROUTES),
];
