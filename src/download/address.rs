//! Addresses: of a release, and of what lies beside it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ureq::http::Uri;

use orchestrion_protocol::release::OFFER_NAME;

/// Characters of an address.
const ADDRESS_LEN_MAX: usize = 2_000;

/// `http://` or `https://`, a server, and the folder of a release.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    uri: Uri,
}

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no address of a release: {reason}; write it as https://music.example/leeds-1/")]
pub struct NoAddress {
    text: String,
    reason: &'static str,
}

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let wrong = |reason| NoAddress { text: text.chars().take(100).collect(), reason };
        if text.len() > ADDRESS_LEN_MAX {
            return Err(wrong("it is too long"));
        }
        let folder = text.strip_suffix(OFFER_NAME).unwrap_or(text);
        let slash = if folder.ends_with('/') { "" } else { "/" };
        let uri: Uri = format!("{folder}{slash}").parse().map_err(|_| wrong("it cannot be read"))?;
        match uri.scheme_str() {
            Some("http" | "https") => {}
            _ => return Err(wrong("it begins with neither http:// nor https://")),
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(wrong("it names no server"));
        }
        if uri.query().is_some() {
            return Err(wrong("it has a question mark"));
        }
        Ok(Self { uri })
    }
}

impl Address {
    /// The address of something beside the release.
    pub(super) fn beside(&self, path: &str) -> String {
        format!("{}{path}", self.uri)
    }

    /// Its server's name.
    pub(super) fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.uri, f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.uri, f)
    }
}

/// Where a redirect leads, from an address.
pub(super) fn redirected(from: &Uri, location: &str) -> Result<Uri, &'static str> {
    if location.len() > ADDRESS_LEN_MAX {
        return Err("its address is too long");
    }
    let scheme = from.scheme_str().unwrap_or("http");
    let authority = from.authority().map_or("", |authority| authority.as_str());
    let text = match location {
        _ if location.contains("://") => location.to_owned(),
        _ if location.starts_with("//") => format!("{scheme}:{location}"),
        _ if location.starts_with('/') => format!("{scheme}://{authority}{location}"),
        _ => {
            let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{scheme}://{authority}{folder}/{location}")
        }
    };
    let to: Uri = text.parse().map_err(|_| "it is no address")?;
    match (scheme, to.scheme_str()) {
        ("https", Some("http")) => Err("it would leave the encryption"),
        (_, Some("http" | "https")) if to.host().is_some() => Ok(to),
        _ => Err("it is neither http nor https"),
    }
}

/// Whether an address is one of the local network, of this machine, or of no machine at all: what a stranger's redirect or
/// name server must not lead to.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or_else(|| is_private_v6(address), is_private_v4),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        // Shared between a provider and its customers (RFC 6598), and for measuring (RFC 2544).
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b))
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        // Unique local (RFC 4193), link-local, and addresses that hold one of IPv4 (RFC 6052).
        || (first & 0xfe00) == 0xfc00
        || (first & 0xffc0) == 0xfe80
        || (first == 0x0064 && address.segments()[1] == 0xff9b)
}
