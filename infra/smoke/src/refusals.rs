//! What every function refuses in the same way: no token or a bad one, wrong paths and methods, bodies that are no JSON.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    accounts::{BAD_TOKEN, NO_TOKEN, User},
    client::Request,
    described::{Described, paths},
    walk::{Walk, Walked},
};

pub(super) fn walk(walk: &mut Walk, alice: &User) -> Walked {
    tokens(walk, alice)?;
    for described in paths() {
        let Some(method) = described.missing() else { continue };
        let request = Request::new(method, &described.path);
        walk.step("says which methods there are", request)?.not_allowed(&described.methods())?;
    }
    for path in ["/api/nothing-here", "/api/patients/1/nothing-here"] {
        walk.step("finds nothing at an unknown path", alice.get(path))?.not_found("There is nothing at this path")?;
    }
    bodies(walk, alice)
}

fn tokens(walk: &mut Walk, alice: &User) -> Walked {
    for described in paths() {
        for method in described.protected() {
            walk.step("needs a token", Request::new(method, &described.path))?.unauthorized(NO_TOKEN)?;
        }
    }
    let bad = [
        ("a token that is none", "not.a.token".to_owned()),
        ("a token that another key signed", forged(&alice.token)),
        ("a token without a signature", unsigned(&alice.token)),
    ];
    for (what, token) in bad {
        for path in ["/api/auth/me", "/api/patients", "/api/doctors", "/api/mappings"] {
            let request = Request::new("GET", path).token(&token);
            walk.step(&format!("refuses {what}"), request)?.unauthorized(BAD_TOKEN)?;
        }
    }
    Ok(())
}

fn bodies(walk: &mut Walk, alice: &User) -> Walked {
    const JSON: &str = "application/json";
    const OVER_ONE_MIB: usize = (1 << 20) + 1;

    let post = |path: &str, content_type, body: &str| {
        Request::new("POST", path).token(&alice.token).text(content_type, body.to_owned())
    };
    let large = " ".repeat(OVER_ONE_MIB);
    for Described { path, .. } in paths().filter(Described::takes_a_post) {
        let path = path.as_str();
        walk.step("takes only JSON", post(path, "text/plain", "{}"))?.not_json()?;
        walk.step("takes no broken JSON", post(path, JSON, "{\"name\": "))?.invalid(&[])?;
        walk.step("takes only an object", post(path, JSON, "[]"))?.invalid(&[])?;
        walk.step("takes no key twice", post(path, JSON, r#"{"name": "a", "name": "b"}"#))?.invalid(&[])?;
        walk.step("takes at most 1 MiB", post(path, JSON, &large))?.too_large()?;
    }
    Ok(())
}

/// The same token with another signature.
fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", signature.get(1..).unwrap_or_default())
}

/// The same claims under a header that says that no signature is needed (RFC 8725 §2.1).
fn unsigned(token: &str) -> String {
    let claims = token.split('.').nth(1).unwrap_or_default();
    format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#))
}
