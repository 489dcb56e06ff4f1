//! What each route does; what it takes and gives stands in the table.

use shared::{
    ApiError, CurrentUser, Services,
    api::{Anonymous, Body, Created, Json, NoContent, Unauthenticated},
    auth::Verdict,
    domain::{SessionId, UserId},
};

use crate::{
    model::{Login, NewUser, Readiness, Token, User},
    store,
};

pub(crate) async fn register(
    services: &Services,
    client: Anonymous<'_>,
    Body(new): Body<NewUser>,
) -> Result<Created<Token>, ApiError> {
    services.tokens.warm().await?; // an account whose token cannot be signed would be taken at the next try

    let hash = services.passwords.hash(new.password.as_str()).await?;
    let (user, session) = store::insert(&services.db, &client, &new, &hash, services.tokens.life()).await?;

    Ok(Created(token(services, &client, user, session).await?))
}

/// Nothing of the database is held while the password is verified.
pub(crate) async fn login(
    services: &Services,
    client: Anonymous<'_>,
    Body(login): Body<Login>,
) -> Result<Json<Token>, ApiError> {
    let (db, life) = (&services.db, services.tokens.life());
    services.tokens.warm().await?;

    let (user, hash) = store::find_by_email(db, &client, &login.email).await?.unzip();
    let Login { email, password } = &login;
    let verdict = services.passwords.verify(password.as_str(), password.as_sent(), hash.clone()).await?;
    let (verified, better) = match verdict {
        Verdict::Right => (hash, None),
        Verdict::RightButWeak(better) => (hash, Some(better)),
        Verdict::Wrong => (None, None),
    };
    let session = store::finish_login(db, &client, email, verified, better, life).await?;

    let (user, session) = user.zip(session).ok_or(ApiError::Unauthenticated(Unauthenticated::WrongLogin))?;
    Ok(Json(token(services, &client, user, session).await?))
}

pub(crate) async fn logout(services: &Services, user: CurrentUser<'_>) -> Result<NoContent, ApiError> {
    store::revoke_session(&services.db, &user).await?;
    Ok(NoContent)
}

pub(crate) async fn me(services: &Services, user: CurrentUser<'_>) -> Result<Json<User>, ApiError> {
    Ok(Json(store::find(&services.db, &user).await?))
}

async fn token(
    services: &Services,
    client: &Anonymous<'_>,
    user: UserId,
    session: SessionId,
) -> Result<Token, ApiError> {
    client.signed_in(user);
    Ok(Token { token: services.tokens.sign(user, session).await? })
}

pub(crate) async fn get_readiness(services: &Services, client: Anonymous<'_>) -> Result<Json<Readiness>, ApiError> {
    // Whatever the reason is: an API that is not ready is no mistake of this request.
    store::require_schema(&services.db, &client).await.map_err(|error| ApiError::Unavailable(error.into()))?;
    Ok(Json(Readiness { status: "ok".to_owned() }))
}
