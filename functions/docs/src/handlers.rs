//! What each route does; what it takes and gives stands in the table.

use shared::{
    ApiError, Services,
    api::{Anonymous, Asset, Json},
};

use crate::model::{CATALOG, DESCRIPTION, Health, PAGE, SCRIPT, STYLE};

pub(crate) async fn page(services: &Services, _: Anonymous<'_>) -> Result<Asset, ApiError> {
    shown(services, PAGE)
}

pub(crate) async fn style(services: &Services, _: Anonymous<'_>) -> Result<Asset, ApiError> {
    shown(services, STYLE)
}

pub(crate) async fn script(services: &Services, _: Anonymous<'_>) -> Result<Asset, ApiError> {
    shown(services, SCRIPT)
}

pub(crate) async fn description(services: &Services, _: Anonymous<'_>) -> Result<Asset, ApiError> {
    shown(services, DESCRIPTION)
}

pub(crate) async fn catalog(services: &Services, _: Anonymous<'_>) -> Result<Asset, ApiError> {
    shown(services, CATALOG)
}

pub(crate) async fn get_health(_: &Services, _: Anonymous<'_>) -> Result<Json<Health>, ApiError> {
    Ok(Json(Health { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }))
}

/// The asset, unless the API must not explain itself.
fn shown(services: &Services, asset: Asset) -> Result<Asset, ApiError> {
    if services.settings.docs { Ok(asset) } else { Err(ApiError::NoSuchPath) }
}
