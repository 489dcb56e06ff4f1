//! Registering, signing in and out.

use testing::Forged;

use crate::{
    input::{self, text},
    model::{Model, Outcome, Seen, Session, User},
    operations::Call,
    responses::Expected,
};

impl Model {
    pub(crate) fn register(&mut self, call: &Call, seen: &Seen<'_>) -> Outcome<Expected> {
        let fields = match input::body(call, "/api/auth/register") {
            Ok(fields) => fields,
            Err(refused) => return Ok(refused),
        };
        let email = text(&fields, "email").unwrap();
        if self.user(&email).is_some() {
            return Ok(Expected::conflict("email_taken", "This e-mail is already registered"));
        }
        let token = seen.json["token"].as_str().ok_or("no token")?;
        let id = Forged::like(token).claims["sub"].as_str().and_then(|sub| sub.parse().ok()).ok_or("no sub")?;
        let created = (seen.during.0.to_owned(), seen.during.1.to_owned());
        let (name, password) = (text(&fields, "name").unwrap(), text(&fields, "password").unwrap());
        if self.users.insert(id, User { id, name, email, password, created }).is_some() {
            return Err("the user's id is not new".to_owned());
        }
        self.sign_in(id, seen).map(|token| Expected::created_at("/api/auth/me", &token))
    }

    pub(crate) fn login(&mut self, call: &Call, seen: &Seen<'_>) -> Outcome<Expected> {
        let fields = match input::body(call, "/api/auth/login") {
            Ok(fields) => fields,
            Err(refused) => return Ok(refused),
        };
        let password = text(&fields, "password");
        match self.user(&text(&fields, "email").unwrap()).filter(|user| Some(&user.password) == password.as_ref()) {
            Some(user) => self.sign_in(user.id, seen).map(|token| Expected::ok(&token)),
            None => Ok(Expected::unauthenticated("Invalid e-mail or password", "Bearer")),
        }
    }

    /// A session of this user, with the token in the response.
    fn sign_in(&mut self, user: i64, seen: &Seen<'_>) -> Outcome<String> {
        let token = seen.json["token"].as_str().ok_or("no token")?;
        let claim = |token: &str, name: &str| Forged::like(token).claims[name].clone();
        if claim(token, "sub").as_str() != Some(&user.to_string()) {
            return Err("the token is another user's".to_owned());
        }
        if self.sessions.iter().any(|session| claim(&session.token, "sid") == claim(token, "sid")) {
            return Err("the session is not new".to_owned());
        }
        self.sessions.push(Session { token: token.to_owned(), user, alive: true });
        Ok(format!(r#"{{"token":"{token}"}}"#))
    }

    pub(crate) fn logout(&mut self, call: &Call) -> Expected {
        for session in self.sessions.iter_mut().filter(|session| Some(&session.token) == call.token.as_ref()) {
            session.alive = false;
        }
        Expected::nothing()
    }

    pub(crate) fn me(&mut self, user: i64, seen: &Seen<'_>) -> Outcome<Expected> {
        let user = self.users.get_mut(&user).unwrap();
        let seen = Seen { json: seen.json.clone(), during: (&user.created.0, &user.created.1) };
        let created_at = seen.moment("createdAt")?;
        let me = user.show(&created_at);
        // From now on the exact time is known.
        user.created = (created_at.clone(), created_at);
        Ok(Expected::ok(&me))
    }

    fn user(&self, email: &str) -> Option<&User> {
        self.users.values().find(|user| user.email.to_lowercase() == email.to_lowercase())
    }
}
