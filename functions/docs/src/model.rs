//! What this function shows.

use shared::{api::Asset, record};

record! {
    /// The state of the API.
    pub(crate) struct Health { status: String, version: String }
}

/// Everything comes from this origin, nothing runs that does not stand in a file, and no other page frames it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// `/api/docs`, whose references are relative: it works below a stage and a base path.
pub(crate) const PAGE: Asset = Asset {
    media_type: "text/html; charset=utf-8",
    text: include_str!("page/index.html"),
    headers: &[
        ("content-security-policy", CONTENT_SECURITY_POLICY),
        ("referrer-policy", "no-referrer"),
        // RFC 8631: the same description for programs.
        ("link", "<openapi.json>; rel=\"service-desc\""),
    ],
};

pub(crate) const STYLE: Asset =
    Asset { media_type: "text/css; charset=utf-8", text: include_str!("page/docs.css"), headers: &[] };

pub(crate) const SCRIPT: Asset =
    Asset { media_type: "text/javascript; charset=utf-8", text: include_str!("page/docs.js"), headers: &[] };

/// `cargo sync` writes it.
pub(crate) const DESCRIPTION: Asset =
    Asset { media_type: "application/json", text: include_str!("../../openapi.json"), headers: &[] };

/// A linkset (RFC 9264) with relative references.
pub(crate) const CATALOG: Asset =
    Asset { media_type: "application/linkset+json", text: include_str!("page/api-catalog.json"), headers: &[] };
