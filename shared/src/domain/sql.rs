//! Newtypes in PostgreSQL: each is sent and read as what it wraps.

/// Sends a newtype as what it wraps: `to_sql!(BirthDate as Date)`.
#[macro_export]
macro_rules! to_sql {
    ($name:ident as $inner:ty) => {
        impl ::tokio_postgres::types::ToSql for $name {
            fn accepts(ty: &::tokio_postgres::types::Type) -> bool {
                <$inner as ::tokio_postgres::types::ToSql>::accepts(ty)
            }

            ::tokio_postgres::types::to_sql_checked!();

            fn to_sql(
                &self,
                ty: &::tokio_postgres::types::Type,
                out: &mut ::tokio_postgres::types::private::BytesMut,
            ) -> Result<::tokio_postgres::types::IsNull, Box<dyn ::std::error::Error + Sync + Send>> {
                <$inner as ::tokio_postgres::types::ToSql>::to_sql(&self.0, ty, out)
            }
        }
    };
}

/// Reads a newtype as what it wraps: what PostgreSQL holds was valid when it was stored.
#[macro_export]
macro_rules! from_sql {
    ($name:ident as $inner:ty) => {
        impl<'a> ::tokio_postgres::types::FromSql<'a> for $name {
            fn accepts(ty: &::tokio_postgres::types::Type) -> bool {
                <$inner as ::tokio_postgres::types::FromSql>::accepts(ty)
            }

            fn from_sql(
                ty: &::tokio_postgres::types::Type,
                raw: &'a [u8],
            ) -> Result<Self, Box<dyn ::std::error::Error + Sync + Send>> {
                <$inner as ::tokio_postgres::types::FromSql>::from_sql(ty, raw).map(Self)
            }
        }
    };
}
