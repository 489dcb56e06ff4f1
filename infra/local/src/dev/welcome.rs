//! What `cargo dev` prints when it is ready.

use std::io::Write;

use machine::{About, Result};

/// Prints the address of the page, the base URL, and three commands to run in this order. They also work on old data: the e-mail address contains
/// the time.
pub(super) fn print(base: &str) -> Result<()> {
    let text = format!(
        r#"
Read and try the API in a browser: {base}/api/docs

It answers at {base}   (Ctrl-C stops it; the data stays)

EMAIL=jane.$(date +%s)@example.com; curl -s {base}/api/auth/register -H 'content-type: application/json' -d '{{"name":"Jane Roe","email":"'$EMAIL'","password":"correct horse battery"}}'; echo

TOKEN=$(curl -s {base}/api/auth/login -H 'content-type: application/json' -d '{{"email":"'$EMAIL'","password":"correct horse battery"}}' | sed -n 's/.*"token":"\([^"]*\)".*/\1/p'); echo "$TOKEN"

curl -s {base}/api/patients -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '{{"name":"Jane Smith","dob":"1990-05-15","gender":"female"}}'; echo

"#
    );
    std::io::stdout().lock().write_all(text.as_bytes()).about("Cannot print")
}
