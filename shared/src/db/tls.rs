//! What certificates are trusted: Amazon RDS's own authorities, which no public list holds, with a proxy in front also
//! Amazon's public ones, or those of a file.

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::Trust;
use crate::https::AMAZON_ROOTS;

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
        Self::store(rds_roots(region)?)
    }

    /// Trusts the authorities of Amazon RDS in this region, and those that certify its proxies.
    ///
    /// # Errors
    /// When the bundle does not know the region.
    pub fn rds_proxy(region: &str) -> Result<Self, InvalidRoots> {
        Ok(Self::store(rds_proxy_roots(region)?)?.through_proxy())
    }

    /// Trusts the authorities of a PEM file.
    ///
    /// # Errors
    /// When it holds none.
    pub fn pem(pem: &[u8]) -> Result<Self, InvalidRoots> {
        Self::store(roots(certificates(pem), "the file DATABASE_CA_FILE")?)
    }

    /// The same authorities, for a proxy in front of the database.
    #[must_use]
    pub fn through_proxy(self) -> Self {
        match self {
            Self::Certificates(tls) | Self::Proxy(tls) => Self::Proxy(tls),
            Self::Plaintext => Self::Plaintext,
        }
    }

    /// The provider is named here and not taken from a process-wide default, which could be another one.
    fn store(store: RootCertStore) -> Result<Self, InvalidRoots> {
        let config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|_| InvalidRoots("what ring can do"))?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self::Certificates(Box::new(MakeRustlsConnect::new(config))))
    }
}

fn rds_roots(region: &str) -> Result<RootCertStore, InvalidRoots> {
    let mark = format!("# {region}\n");
    let each = RDS_ROOTS.split(&mark).skip(1).filter_map(|after| CertificateDer::from_pem_slice(after.as_bytes()).ok());
    roots(each, "the embedded bundle for AWS_REGION; renew shared/src/db/rds-roots.pem")
}

fn rds_proxy_roots(region: &str) -> Result<RootCertStore, InvalidRoots> {
    let mut store = rds_roots(region)?;
    store.add_parsable_certificates(certificates(AMAZON_ROOTS.as_bytes()));
    Ok(store)
}

fn certificates(pem: &[u8]) -> impl Iterator<Item = CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok)
}

fn roots(
    certificates: impl Iterator<Item = CertificateDer<'static>>,
    place: &'static str,
) -> Result<RootCertStore, InvalidRoots> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates);
    if store.is_empty() { Err(InvalidRoots(place)) } else { Ok(store) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_proxy_is_trusted_by_its_own_authorities_besides_those_of_the_database() {
        let database = rds_roots("eu-central-1").unwrap();
        let both = rds_proxy_roots("eu-central-1").unwrap();

        assert!(database.roots.iter().all(|root| both.roots.contains(root)));
        let public: Vec<_> = both.roots.iter().filter(|root| !database.roots.contains(root)).collect();
        assert_eq!(public.len(), 5, "Amazon Root CA 1 to 4, and the one of Starfield");
        for name in ["Amazon Root CA 1", "Amazon Root CA 4", "Starfield Services Root"] {
            let named = |subject: &[u8]| subject.windows(name.len()).any(|part| part == name.as_bytes());
            assert!(public.iter().any(|root| named(&root.subject)), "{name}");
        }
    }

    fn regions() -> BTreeSet<&'static str> {
        let marks = RDS_ROOTS.lines().filter_map(|line| line.strip_prefix("# "));
        marks.filter(|region| region.matches('-').count() >= 2 && !region.contains(' ')).collect()
    }

    /// The year in which a certificate ends: the second time in it (RFC 5280, "Validity").
    fn last_year(certificate: &[u8]) -> i64 {
        const UTC_TIME: [u8; 2] = [0x17, 13];
        const GENERALIZED_TIME: [u8; 2] = [0x18, 15];
        let times = (0..certificate.len()).filter_map(|at| {
            let (tag, text) = certificate[at..].split_at_checked(2)?;
            let (digits, century) = match tag.try_into().ok()? {
                UTC_TIME => (text.get(..13)?, 2000),
                GENERALIZED_TIME => (text.get(..15)?, 0),
                _ => return None,
            };
            let (zone, digits) = digits.split_last()?;
            let year = &digits[..digits.len() - 10];
            (*zone == b'Z' && digits.iter().all(u8::is_ascii_digit))
                .then(|| century + std::str::from_utf8(year).unwrap().parse::<i64>().unwrap())
        });
        times.take(2).last().unwrap()
    }

    #[test]
    fn every_region_has_three_authorities_and_none_ends_soon() {
        let this_year = i64::from(Clock::System.latest_today().year());
        for region in regions() {
            assert_eq!(rds_roots(region).unwrap().len(), 3, "{region}");
        }
        let bundle: Vec<_> = certificates(RDS_ROOTS.as_bytes()).collect();
        assert_eq!(bundle.len(), RDS_ROOTS.matches("BEGIN CERTIFICATE").count(), "each can be read");
        assert_eq!(bundle.len(), regions().len() * 3);
        for certificate in bundle.iter().chain(&certificates(AMAZON_ROOTS.as_bytes()).collect::<Vec<_>>()) {
            assert!(last_year(certificate) > this_year + 1, "{}", last_year(certificate));
        }
    }

    #[test]
    fn every_region_of_the_bundle_has_its_authorities() {
        let regions = regions();
        assert!(regions.contains("eu-central-1") && regions.contains("us-east-1"), "{regions:?}");
        for region in regions {
            assert!(Trust::rds(region).is_ok() && Trust::rds_proxy(region).is_ok(), "{region}");
        }
        assert!(Trust::rds("nowhere-1").is_err() && Trust::rds_proxy("nowhere-1").is_err());
    }
}
