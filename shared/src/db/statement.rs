//! Statements are data, and rows become values.
//!
//! Each store lists its statements, so that tests of plans, of rights and of ownership go through all of them.

pub use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql, Type};

use super::DbError;

/// A statement with `N` parameters, as it goes over the wire.
pub struct Statement<const N: usize> {
    /// `function::name`.
    pub name: &'static str,
    /// The text, which begins with the name as a comment: `pg_stat_activity` and logs of slow statements show it.
    pub sql: &'static str,
    /// The types of the parameters, which PostgreSQL gets with the statement.
    pub types: [Type; N],
}

/// The values of a statement's parameters.
pub type Params<'a, const N: usize> = [&'a (dyn ToSql + Sync); N];

/// A statement, however many parameters it has.
pub trait AnyStatement: Sync {
    /// As [`Statement::name`].
    fn name(&self) -> &'static str;
    /// As [`Statement::sql`].
    fn sql(&self) -> &'static str;
    /// As [`Statement::types`].
    fn types(&self) -> &[Type];
}

impl<const N: usize> AnyStatement for Statement<N> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn sql(&self) -> &'static str {
        self.sql
    }

    fn types(&self) -> &[Type] {
        &self.types
    }
}

/// A [`Statement`] of its name, the types of its parameters, and its text.
///
/// ```ignore
/// static FIND: Statement<1> = statement!("doctors::find" [INT8] "SELECT id, name FROM doctors WHERE id = $1");
/// ```
#[macro_export]
macro_rules! statement {
    ($name:literal [$($type:ident),*] $sql:literal) => {
        $crate::db::Statement {
            name: $name,
            sql: concat!("-- ", $name, "\n", $sql),
            types: [$($crate::db::Type::$type),*],
        }
    };
}

/// A value that a row holds.
pub trait FromRow: Sized + Send {
    /// # Errors
    /// When a column is missing or of another type, which is a mistake in the statement.
    fn from_row(row: &Row) -> Result<Self, DbError>;
}

/// Nothing: the row is not looked at.
impl FromRow for () {
    fn from_row(_: &Row) -> Result<Self, DbError> {
        Ok(())
    }
}

/// The only column.
impl<A: for<'a> FromSql<'a> + Send> FromRow for (A,) {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok((at(row, 0)?,))
    }
}

/// The first two columns.
impl<A: for<'a> FromSql<'a> + Send, B: for<'a> FromSql<'a> + Send> FromRow for (A, B) {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok((at(row, 0)?, at(row, 1)?))
    }
}

/// A column of a row by its name.
///
/// # Errors
/// When it is missing or of another type.
pub fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &'static str) -> Result<T, DbError> {
    row.try_get(name).map_err(|_| DbError::mistake(format!("column {name} cannot be read")))
}

fn at<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, DbError> {
    row.try_get(index).map_err(|_| DbError::mistake(format!("column {index} cannot be read")))
}

/// What the rows of a list are put into, one by one, so that the list need not be held as values.
pub trait Collect<T>: Default + Send {
    /// # Errors
    /// When it takes no more, which ends the list.
    fn push(&mut self, item: T) -> Result<(), DbError>;
}

impl<T: Send> Collect<T> for Vec<T> {
    fn push(&mut self, item: T) -> Result<(), DbError> {
        self.push(item);
        Ok(())
    }
}
