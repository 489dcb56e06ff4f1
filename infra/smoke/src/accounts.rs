//! Register, login, me, logout, and what a token says.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    client::Request,
    random,
    shape::{ID, TEXT, TIME, TOKEN},
    walk::{Walk, Walked},
};

const REGISTER: &str = "/api/auth/register";
const LOGIN: &str = "/api/auth/login";
const LOGOUT: &str = "/api/auth/logout";
const ME: &str = "/api/auth/me";

/// The challenge to a client without a token.
pub(super) const NO_TOKEN: &str = "Bearer";
/// The challenge to a client whose token is worth nothing.
pub(super) const BAD_TOKEN: &str = r#"Bearer error="invalid_token""#;

/// A user that this walk registered.
pub(super) struct User {
    pub(super) id: Value,
    pub(super) token: String,
    name: String,
    email: String,
    password: String,
}

impl User {
    pub(super) fn get(&self, path: impl Into<String>) -> Request {
        Request::new("GET", path).token(&self.token)
    }

    pub(super) fn post(&self, path: impl Into<String>, body: &Value) -> Request {
        Request::new("POST", path).token(&self.token).json(body)
    }

    pub(super) fn put(&self, path: impl Into<String>, body: &Value) -> Request {
        Request::new("PUT", path).token(&self.token).json(body)
    }

    pub(super) fn delete(&self, path: impl Into<String>) -> Request {
        Request::new("DELETE", path).token(&self.token)
    }
}

/// A new user, whose token says who they are and nothing personal.
pub(super) fn register(walk: &mut Walk, first_name: &str) -> Walked<User> {
    let mark = walk.discretion.mark.clone();
    // Strict settings ask for 15 characters; the spaces belong to it.
    let password = format!(" {} ", random::hex()?);
    walk.discretion.secrets.extend([password.clone(), password.trim().to_owned()]);
    let (name, email) = (walk.name(first_name), format!("{first_name}.{mark}@example.com"));

    let body = json!({"name": name, "email": email, "password": password});
    let created = walk.step("registers a user", post(REGISTER, &body))?.created_at(ME, &json!({"token": TOKEN}))?;

    let token = created["token"].as_str().unwrap_or_default().to_owned();
    let me = Request::new("GET", ME).token(&token);
    let mut step = walk.step("knows the caller", me)?;
    let claims = json!({
        "iss": TEXT, "aud": TEXT, "sub": TEXT, "sid": TEXT, "jti": TEXT,
        "iat": part(&token, 1)["iat"].as_i64(), "exp": part(&token, 1)["exp"].as_i64(),
    });
    step.matches("the token's header", &json!({"alg": "HS256", "typ": "JWT", "kid": TEXT}), &part(&token, 0))?;
    step.matches("the token's claims", &claims, &part(&token, 1))?;
    let me = step.ok(&json!({"id": ID, "name": name, "email": email, "createdAt": TIME}))?;
    Ok(User { id: me["id"].clone(), token, name, email, password })
}

/// Signing in again, with all that can be wrong about it.
pub(super) fn walk(walk: &mut Walk, alice: &User) -> Walked {
    let User { email, password, name, .. } = alice;
    let trimmed = password.trim();
    let stranger = format!("nobody.{email}");

    let wrong = walk.step("refuses a wrong password", post(LOGIN, &json!({"email": email, "password": trimmed})))?;
    let wrong = wrong.unauthorized(NO_TOKEN)?;
    let unknown = post(LOGIN, &json!({"email": stranger, "password": trimmed}));
    walk.step("says the same of an unknown e-mail", unknown)?.same_as(&wrong)?;

    let again = json!({"name": name, "email": email.to_lowercase(), "password": password});
    walk.step("refuses an e-mail that is registered, in any case", post(REGISTER, &again))?.conflict("email_taken")?;
    let bad = json!({"name": " ", "email": "not-an-address", "password": "7 chars"});
    let fields = ["name", "email", "password"];
    walk.step("says what is wrong, field by field", post(REGISTER, &bad))?.invalid(&fields)?;
    let nothing = json!({});
    walk.step("needs both to log in", post(LOGIN, &nothing))?.invalid(&["email", "password"])?;

    let login = json!({"email": format!(" {} ", email.to_uppercase()), "password": password});
    let token = walk.step("logs a user in, e-mail in any case", post(LOGIN, &login))?.ok(&json!({"token": TOKEN}))?;
    let token = token["token"].as_str().unwrap_or_default();
    end_session(walk, token)?;
    let me = json!({"id": alice.id, "name": name, "email": email, "createdAt": TIME});
    walk.step("keeps the user's other session", alice.get(ME))?.ok(&me)?;
    Ok(())
}

/// The user's last session ends.
pub(super) fn leave(walk: &mut Walk, user: &User) -> Walked {
    walk.step("logs the user out", Request::new("POST", LOGOUT).token(&user.token))?.no_content()
}

/// A session that has ended is worth nothing to any function, from the next request on.
fn end_session(walk: &mut Walk, token: &str) -> Walked {
    walk.step("logs the user out", Request::new("POST", LOGOUT).token(token))?.no_content()?;
    for path in [ME, "/api/patients", "/api/doctors", "/api/mappings"] {
        walk.step("refuses a token that was logged out", Request::new("GET", path).token(token))?
            .unauthorized(BAD_TOKEN)?;
    }
    walk.step("refuses to log it out again", Request::new("POST", LOGOUT).token(token))?.unauthorized(BAD_TOKEN)?;
    Ok(())
}

fn post(path: &str, body: &Value) -> Request {
    Request::new("POST", path).json(body)
}

/// What a part of a token says: 0 its header, 1 its claims.
fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    part.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
}
