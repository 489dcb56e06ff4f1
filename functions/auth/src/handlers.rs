//! Who → parse → do → answer.

use shared::{
    ApiError, App, Reply, Request,
    auth::Verdict,
    body::Fields,
    domain::{SessionId, UserId},
    response,
};

use crate::{
    model::{Login, NewUser, Token},
    store,
};

/// `POST /api/auth/register`: a new user, signed in.
pub(crate) async fn register(app: &App, request: &Request) -> Reply {
    let new = NewUser::parse(Fields::of(request)?, &app.settings)?;
    app.tokens.warm().await?; // an account whose token cannot be signed would be taken at the next try

    let hash = app.passwords.hash(new.password.as_str()).await?;
    let (user, session) = store::insert(&app.db, request.origin(), &new, &hash, app.tokens.life()).await?;

    response::created_at("/api/auth/me", &token(app, request, user, session).await?)
}

/// `POST /api/auth/login`: a new session, if the password is right.
///
/// Nothing of the database is held while the password is verified.
pub(crate) async fn login(app: &App, request: &Request) -> Reply {
    let login = Login::parse(Fields::of(request)?)?;
    app.tokens.warm().await?;

    let known = store::find_by_email(&app.db, request.origin(), &login.email).await?;
    let (user, hash) = known.unzip();
    let Login { email, password } = &login;
    let verdict = app.passwords.verify(password.as_str(), password.as_sent(), hash.clone()).await?;
    let (verified, better) = match verdict {
        Verdict::Right => (hash, None),
        Verdict::RightButWeak(better) => (hash, Some(better)),
        Verdict::Wrong => (None, None),
    };
    let session = store::finish_login(&app.db, request.origin(), email, verified, better, app.tokens.life()).await?;

    match user.zip(session) {
        Some((user, session)) => response::ok(&token(app, request, user, session).await?),
        None => Err(ApiError::Unauthenticated("Invalid e-mail or password")),
    }
}

/// `POST /api/auth/logout`: ends the session; its tokens are worth nothing from the next request on.
pub(crate) async fn logout(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;

    store::revoke_session(&app.db, &user).await?;

    response::no_content()
}

/// `GET /api/auth/me`: the caller.
pub(crate) async fn me(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;

    response::ok(&store::find(&app.db, &user).await?)
}

async fn token(app: &App, request: &Request, user: UserId, session: SessionId) -> Result<Token, ApiError> {
    request.origin().set_user(user);
    Ok(Token { token: app.tokens.sign(user, session).await? })
}
