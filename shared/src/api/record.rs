//! What the API shows: one declaration makes the struct, its JSON, its description, and how a row becomes one.

/// Declares what the API shows: a struct, its JSON, its description, and, with `from row`, how it is read from a row
/// with a column for each field.
///
/// ```ignore
/// shared::record! {
///     /// A doctor of the directory.
///     pub(crate) struct Doctor from row { id: DoctorId, name: String }
/// }
/// ```
#[macro_export]
macro_rules! record {
    (
        $(#[doc = $summary:literal])+
        $visibility:vis struct $name:ident from row { $($field:ident: $type:ty),+ $(,)? }
    ) => {
        $crate::record! { $(#[doc = $summary])+ $visibility struct $name { $($field: $type),+ } }

        impl $crate::db::FromRow for $name {
            fn from_row(row: &$crate::db::Row) -> Result<Self, $crate::DbError> {
                Ok(Self { $($field: $crate::db::column(row, stringify!($field))?),+ })
            }
        }
    };
    (
        $(#[doc = $summary:literal])+
        $visibility:vis struct $name:ident { $($field:ident: $type:ty),+ $(,)? }
    ) => {
        $(#[doc = $summary])+
        #[derive(::serde::Serialize)]
        #[serde(rename_all = "camelCase")]
        $visibility struct $name { $(pub(crate) $field: $type),+ }

        impl $crate::domain::Described for $name {
            const SCHEMA: $crate::domain::Schema = $crate::domain::Schema::Object($crate::domain::Object {
                name: stringify!($name),
                summary: concat!($($summary),+),
                members: &[$($crate::domain::Member {
                    name: $crate::key!($field),
                    schema: <$type as $crate::domain::Described>::SCHEMA,
                    required: true,
                }),+],
                at_least_one: false,
            });
        }
    };
}
