//! HTTPS to AWS. It trusts only the certificate authorities that issue certificates for AWS endpoints.

use aws_smithy_http_client::{
    Builder, Connector,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpClient},
    orchestrator::HttpRequest,
};

/// Parsing five authorities costs a tenth of parsing the system's 145.
pub(crate) const AMAZON_ROOTS: &str = include_str!("amazon-roots.pem");
/// One stack of TLS for everything: see `db::tls`.
const PROVIDER: Provider = Provider::Rustls(CryptoMode::Ring);

/// A request without a response. It holds nothing of the request, because a pre-signed URL is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpsError {
    /// This is no URL.
    #[error("the URL is malformed")]
    Malformed,
    /// There was no response, or it was not HTTP.
    #[error("no response from the server")]
    NoResponse,
}

/// What the AWS SDK speaks through.
pub(crate) fn client() -> SharedHttpClient {
    let builder = Builder::new().tls_provider(PROVIDER);
    match trust() {
        Some(tls) => builder.tls_context(tls).build_https(),
        None => builder.build_https(),
    }
}

/// Sends `body` by `PUT` to a pre-signed URL, whose signature covers an empty content type. Returns the status of the response.
///
/// # Errors
/// When there is no response.
pub async fn put(url: &str, body: String) -> Result<u16, HttpsError> {
    let mut request = HttpRequest::new(body.into());
    request.set_method("PUT").map_err(|_| HttpsError::Malformed)?;
    request.set_uri(url).map_err(|_| HttpsError::Malformed)?;
    request.headers_mut().insert("content-type", "");

    let builder = Connector::builder().tls_provider(PROVIDER);
    let connector = match trust() {
        Some(tls) => builder.tls_context(tls).build(),
        None => builder.build(),
    };
    let response = connector.call(request).await.map_err(|_| HttpsError::NoResponse)?;
    Ok(response.status().as_u16())
}

fn trust() -> Option<TlsContext> {
    let roots = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    TlsContext::builder().with_trust_store(roots).build().ok()
}
