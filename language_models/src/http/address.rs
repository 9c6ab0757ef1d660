//! Addresses of services.

use semql_inference::{Error, Result};
use url::{Host, Url};

/// Purpose of an address, for messages about it.
#[derive(Clone, Copy, Debug)]
pub struct AddressPurpose {
    /// Subject, such as `the location of a language model`.
    pub subject: &'static str,
    /// Where credentials belong instead.
    pub credentials: &'static str,
    /// Next step, with an example.
    pub advice: &'static str,
}

/// Parses the address of a service: HTTP, without credentials, query and fragment.
///
/// # Errors
/// [`Error::Invalid`]. Messages do not contain the address, which may hold a secret.
pub fn parse_address(purpose: &AddressPurpose, address: &str) -> Result<Url> {
    let invalid = |why: &str| {
        let AddressPurpose {
            subject, advice, ..
        } = purpose;
        Err(Error::Invalid(format!("{subject} {why}; {advice}")))
    };
    let Ok(url) = Url::parse(address) else {
        return invalid("is not a URL");
    };
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return invalid("is not an HTTP address");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return invalid(&format!("contains credentials ({})", purpose.credentials));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return invalid("has a query or a fragment");
    }
    Ok(url)
}

/// Whether the host of an address is this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
