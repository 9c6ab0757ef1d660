//! Certificate derived from the secret of a cluster.
//!
//! The key is derived from the secret and the certificate is signed with that key,
//! so equal secrets give equal certificates. A process trusts this certificate
//! alone, and presents it as a server and as a client: a TLS handshake succeeds
//! only between processes that have the same secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::error::KeyRejected;
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::secret::SEED_LENGTH;

/// Name in the certificate, in place of host names.
pub const SERVER_NAME: &str = "semql-cluster";

/// Tags of DER (X.690).
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `dNSName` of a `GeneralName` (RFC 5280).
const DNS_NAME: u8 = 0x82;
/// `version` and `extensions` of a `TBSCertificate` (RFC 5280).
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// Object identifiers, with tag and length.
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x11];

/// Validity. A certificate does not expire; a new secret replaces it.
const NOT_BEFORE: &[u8] = b"000101000000Z";
const NOT_AFTER: &[u8] = b"99991231235959Z";

/// Value of `version` for X.509 v3, which has extensions.
const V3: u8 = 2;

/// Serial number; each issuer has a single certificate.
const SERIAL: u8 = 1;

/// PKCS #8 in front of the seed of an Ed25519 key (RFC 8410).
const PKCS8_PREFIX: &[u8] = &[
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Certificate and private key in PEM.
pub struct IdentityPem {
    pub certificate: String,
    pub key: String,
}

/// Certificate and private key of the seed.
///
/// # Errors
/// The seed is not a valid Ed25519 key.
pub fn self_signed(seed: &[u8; SEED_LENGTH]) -> Result<IdentityPem, KeyRejected> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed)?;
    let unsigned = unsigned_certificate(pair.public_key().as_ref());
    let signature = pair.sign(&unsigned);
    let certificate = der(
        SEQUENCE,
        &[
            &unsigned,
            &der(SEQUENCE, &[ED25519]),
            &bit_string(signature.as_ref()),
        ],
    );
    Ok(IdentityPem {
        certificate: pem("CERTIFICATE", &certificate),
        key: pem("PRIVATE KEY", &[PKCS8_PREFIX, seed.as_slice()].concat()),
    })
}

/// `TBSCertificate` of RFC 5280.
fn unsigned_certificate(public_key: &[u8]) -> Vec<u8> {
    let algorithm = der(SEQUENCE, &[ED25519]);
    let name = der(UTF8_STRING, &[SERVER_NAME.as_bytes()]);
    let name = der(SEQUENCE, &[COMMON_NAME, &name]);
    let name = der(SEQUENCE, &[&der(SET, &[&name])]);
    let validity = der(
        SEQUENCE,
        &[
            &der(UTC_TIME, &[NOT_BEFORE]),
            &der(GENERALIZED_TIME, &[NOT_AFTER]),
        ],
    );
    let key = der(SEQUENCE, &[&algorithm, &bit_string(public_key)]);
    der(
        SEQUENCE,
        &[
            &der(VERSION, &[&der(INTEGER, &[&[V3]])]),
            &der(INTEGER, &[&[SERIAL]]),
            &algorithm,
            &name,
            &validity,
            &name,
            &key,
            &der(EXTENSIONS, &[&der(SEQUENCE, &[&subject_alt_name()])]),
        ],
    )
}

/// Extension with the name that clients compare.
fn subject_alt_name() -> Vec<u8> {
    let names = der(SEQUENCE, &[&der(DNS_NAME, &[SERVER_NAME.as_bytes()])]);
    der(SEQUENCE, &[SUBJECT_ALT_NAME, &der(OCTET_STRING, &[&names])])
}

/// Bytes as a bit string without unused bits.
fn bit_string(bytes: &[u8]) -> Vec<u8> {
    der(BIT_STRING, &[&[0], bytes])
}

/// Tag, length, and the concatenated parts.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        length @ 0..0x80 => out.push(length as u8),
        length => {
            let bytes = length.to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            out.push(0x80 | (bytes.len() - zeros) as u8);
            out.extend(bytes.iter().skip(zeros));
        }
    }
    out.extend(content);
    out
}

fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        BASE64.encode(der)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seed of the secret `0123456789abcdef0123456789abcdef`.
    const SEED: [u8; SEED_LENGTH] = [
        0x43, 0x06, 0xf5, 0xdf, 0xd9, 0xec, 0xc9, 0x6a, 0x2d, 0x9e, 0x94, 0x7f, 0x37, 0xc5, 0x24,
        0xb4, 0x66, 0x32, 0xad, 0x93, 0xdf, 0x5a, 0x69, 0x8f, 0x29, 0x6e, 0x4b, 0xfe, 0x60, 0x8f,
        0x12, 0x83,
    ];

    /// Signed by OpenSSL, and verified by `openssl verify -CAfile x.pem x.pem`.
    const CERTIFICATE: &str = "MIH8MIGvoAMCAQICAQEwBQYDK2VwMBgxFjAUBgNVBAMMDXNlbXFsLWNsdXN0ZXIw\
        IBcNMDAwMTAxMDAwMDAwWhgPOTk5OTEyMzEyMzU5NTlaMBgxFjAUBgNVBAMMDXNl\
        bXFsLWNsdXN0ZXIwKjAFBgMrZXADIQC8qdX4WF0lClT/ubrdss8TlKjydNweSDiZ\
        nAUrCV9M7aMcMBowGAYDVR0RBBEwD4INc2VtcWwtY2x1c3RlcjAFBgMrZXADQQB+\
        0SKMbqHmBlMI7mqVefii6+40dgEGLwoU40sFzR+mp+MFky3n8mVSyLAlkX8eYQSF\
        YKhMEhvhr5BOLMW8FusH";

    const KEY: &str = "MC4CAQAwBQYDK2VwBCIEIEMG9d/Z7MlqLZ6UfzfFJLRmMq2T31ppjyluS/5gjxKD";

    #[test]
    fn the_certificate_equals_that_of_openssl() {
        let pem = self_signed(&SEED).unwrap();
        assert_eq!(
            pem.certificate,
            format!("-----BEGIN CERTIFICATE-----\n{CERTIFICATE}\n-----END CERTIFICATE-----\n")
        );
        assert_eq!(
            pem.key,
            format!("-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n")
        );
    }

    #[test]
    fn der_lengths_use_the_long_form_from_128_bytes() {
        assert_eq!(der(SEQUENCE, &[&[7; 2]]), [0x30, 2, 7, 7]);
        assert_eq!(der(SEQUENCE, &[&[7; 127]])[..2], [0x30, 0x7f]);
        assert_eq!(der(SEQUENCE, &[&[7; 128]])[..3], [0x30, 0x81, 0x80]);
        assert_eq!(der(SEQUENCE, &[&[7; 258]])[..4], [0x30, 0x82, 1, 2]);
    }
}
