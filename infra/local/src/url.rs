//! URLs of databases.

use shared::db::Login;

/// The same database with another login; everything else in the URL stays. `None` if it is no URL.
pub(crate) fn with_login(url: &str, login: &Login) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
    Some(format!("{scheme}://{}:{}@{server}{path}", login.name, login.password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_login_of_a_url_changes() {
        let login = Login { group: "app_api".to_owned(), name: "me".to_owned(), password: "secret".to_owned() };
        let cases = [
            ("postgres://o:p@h:5432/d?sslmode=require", "postgres://me:secret@h:5432/d?sslmode=require"),
            ("postgresql://h/d", "postgresql://me:secret@h/d"),
            ("postgres://o:p%40@h?application_name=a@b", "postgres://me:secret@h?application_name=a@b"),
        ];

        for (owner, expected) in cases {
            assert_eq!(with_login(owner, &login).unwrap(), expected);
        }
        assert_eq!(with_login("host=h user=o", &login), None);
    }
}
