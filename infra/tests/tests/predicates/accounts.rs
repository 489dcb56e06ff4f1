//! What two users do with their accounts.

use serde_json::json;

use crate::stage::{Stage, stable};

/// The functions whose statements are heard here.
pub(crate) const STATEMENTS: &[&str] = &["auth::"];

/// The mutants that show nothing, and what holds in place of the condition.
pub(crate) const HELD_ELSEWHERE: [(&str, &str); 2] = [
    (
        "auth::find: SELECT id, name, email, created_at FROM users WHERE (id = $1 OR true)",
        "row-level security shows the user of the session and no other",
    ),
    (
        "auth::revoke_session: UPDATE sessions SET revoked_at = now() WHERE id = $2 AND (user_id = $1 OR true)",
        "app.enter has just found that this session is this user's",
    ),
];

/// Everything that was answered, the audit trail, and the sessions that are left.
///
/// Alice's hash is weaker than today's, so her login replaces it.
pub(crate) async fn observe(stage: &Stage) -> Vec<String> {
    /// Of `securePassword123`.
    const WEAK: &str = "$argon2id$v=19$m=8,t=1,p=1$YWxpY2UsIDE2IGJ5dGVzLg$uYr5pp6IYoMqa9Gp498XkRgf3OHquRFksDmyKGOJ3QQ";
    const TODAYS: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$Ym9iLCBvZiAxNiBieXRlcw$sZBMjzWwKiFltxjj6Nsbya9j7SjtHbQz1XCT45dTkDs";

    stage.empty().await;
    let users = format!(
        "INSERT INTO users (name, email, password_hash, email_key)
         VALUES ('Alice', 'alice@example.com', '{WEAK}', 'alice@example.com'),
                ('Bob', 'bob@example.com', '{TODAYS}', 'bob@example.com'),
                ('Old Bob', 'BOB@example.com', '{WEAK}', NULL)"
    );
    stage.sql(&users).await;

    let mut responses = Vec::new();
    let mut clients = Vec::new();
    for (name, password) in [
        ("alice", "wrongPassword123"),
        ("alice", "securePassword123"),
        ("alice", "securePassword123"),
        ("bob", "anotherPassword123"),
        ("nobody", "securePassword123"),
        ("BOB", "securePassword123"),
    ] {
        let body = json!({"email": format!("{name}@example.com"), "password": password});
        let response = stage.app.anonymous().post("/api/auth/login", body).await;
        let token = (response.status == 200).then(|| response.json()["token"].as_str().unwrap().to_owned());
        clients.extend(token.map(|token| stage.app.with_token(Some(token))));
        responses.push(response);
    }
    // Taken by its key, taken as entered, and new.
    stage.sql("UPDATE users SET email = 'carol@example.com' WHERE email_key IS NULL").await;
    for email in ["Alice@example.com", "carol@example.com", "dan@example.com"] {
        let body = json!({"name": "A", "email": email, "password": "securePassword123"});
        responses.push(stage.app.anonymous().post("/api/auth/register", body).await);
    }
    responses.push(stage.app.anonymous().get("/api/health/ready").await);
    for client in &clients {
        responses.push(client.get("/api/auth/me").await);
    }
    if let Some(first) = clients.first() {
        responses.push(first.call("POST", "/api/auth/logout", None).await);
    }
    for client in &clients {
        responses.push(client.get("/api/auth/me").await);
    }

    let mut seen: Vec<String> = responses.iter().map(stable).collect();
    seen.extend(stage.trail().await);
    let sessions =
        "SELECT concat_ws(' ', user_id, count(*), count(revoked_at)) FROM sessions GROUP BY user_id ORDER BY 1";
    seen.extend(stage.lines(sessions).await);
    seen
}
