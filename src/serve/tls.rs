//! TLS certificate and key.

use std::path::Path;
use std::sync::Arc;

use pgwire::tokio::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{Result, ShellError, io_reason};

/// Certificate of the server.
pub struct Certificate {
    pub acceptor: TlsAcceptor,
    /// Content of the file, for channel binding of passwords.
    pub pem: Vec<u8>,
}

impl Certificate {
    /// Reads a chain of certificates and its key, both PEM.
    ///
    /// # Errors
    /// Files that cannot be read, are not PEM, or do not belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self> {
        let wrong = |option: &str, path: &Path, why: String| {
            ShellError::usage(format!("{option} {}: {why}", path.display()))
        };
        let bytes = |option: &str, path: &Path| {
            std::fs::read(path).map_err(|error| wrong(option, path, io_reason(&error)))
        };
        let pem = bytes("--tls-cert", certificate)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|error| wrong("--tls-cert", certificate, error.to_string()))?;
        if chain.is_empty() {
            return Err(wrong(
                "--tls-cert",
                certificate,
                "it holds no certificate in PEM".into(),
            ));
        }
        let secret = PrivateKeyDer::from_pem_slice(&bytes("--tls-key", key)?).map_err(|error| {
            wrong(
                "--tls-key",
                key,
                format!("it holds no private key in PEM ({error})"),
            )
        })?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, secret))
            .map_err(|error| wrong("--tls-key", key, error.to_string()))?;
        // Clients that start with TLS directly require ALPN.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            pem,
        })
    }
}
