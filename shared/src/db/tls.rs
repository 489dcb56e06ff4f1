//! What certificates are trusted: Amazon RDS's own authorities, which no public list holds, or those of a file.

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::Trust;

/// Every region's authorities, each after a line `# region`.
const RDS_ROOTS: &str = include_str!("rds-roots.pem");

/// No certificate could be read where roots were expected.
#[derive(Debug, thiserror::Error)]
#[error("no certificate authorities in {0}")]
pub struct InvalidRoots(&'static str);

impl Trust {
    /// Trusts the authorities of Amazon RDS in this region.
    ///
    /// # Errors
    /// When the bundle does not know the region.
    pub fn rds(region: &str) -> Result<Self, InvalidRoots> {
        let mark = format!("# {region}\n");
        let roots: Vec<_> = RDS_ROOTS
            .split(&mark)
            .skip(1)
            .filter_map(|after| CertificateDer::from_pem_slice(after.as_bytes()).ok())
            .collect();
        Self::roots(roots, "the embedded bundle for AWS_REGION; renew shared/src/db/rds-roots.pem")
    }

    /// Trusts the authorities of a PEM file.
    ///
    /// # Errors
    /// When it holds none.
    pub fn pem(pem: &[u8]) -> Result<Self, InvalidRoots> {
        Self::roots(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok), "the file DATABASE_CA_FILE")
    }

    /// The provider is named here and not taken from a process-wide default, which could be another one.
    fn roots(
        roots: impl IntoIterator<Item = CertificateDer<'static>>,
        place: &'static str,
    ) -> Result<Self, InvalidRoots> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots);
        if store.is_empty() {
            return Err(InvalidRoots(place));
        }
        let config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|_| InvalidRoots(place))?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self::Certificates(Box::new(MakeRustlsConnect::new(config))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_of_the_bundle_has_its_authorities() {
        let regions: Vec<_> = RDS_ROOTS
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|r| r.matches('-').count() >= 2 && !r.contains(' '))
            .collect();
        assert!(regions.contains(&"eu-central-1") && regions.contains(&"us-east-1"), "{regions:?}");
        for region in regions {
            assert!(Trust::rds(region).is_ok(), "{region}");
        }
        assert!(Trust::rds("nowhere-1").is_err());
    }
}
