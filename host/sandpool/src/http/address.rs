//! The kinds of addresses, by IANA's registries of special addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The purpose of an address that is not that of a server on the Internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    /// Servers may have it that this machine or its network means for itself alone.
    Private(&'static str),
    /// Nobody is to send a request there: services that give out a machine's credentials,
    /// addresses of no server, and forms that hide another address.
    Never(&'static str),
}

use Special::{Never, Private};

/// Returns the kind of an address; `None` if it is global unicast.
pub(super) fn special(address: IpAddr) -> Option<Special> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

const METADATA: Special = Never("the address of a metadata service");

fn special_v4(address: Ipv4Addr) -> Option<Special> {
    Some(match address.octets() {
        // Amazon and most others, Alibaba, Oracle; Azure, whose address is not even special.
        [169, 254, 169, 254] | [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16] => {
            METADATA
        }
        // ECS and EKS give out the credentials of containers here.
        [169, 254, 170, 2 | 23] => METADATA,
        [0, ..] => Never("an unspecified address"),
        [127, ..] => Private("a loopback address"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Private("a private address"),
        [100, 64..=127, ..] => Private("an address of a carrier's network"),
        [169, 254, ..] => Private("a link-local address"),
        [192, 0, 0, _] => Never("an address of the protocol registry"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [233, 252, 0, _] => {
            Never("an address for documentation")
        }
        [192, 88, 99, _] => Never("a 6to4 address"),
        [198, 18..=19, ..] => Private("an address for benchmarks"),
        [224..=239, ..] => Never("a multicast address"),
        [255, 255, 255, 255] => Never("a broadcast address"),
        [240..=255, ..] => Never("a reserved address"),
        _ => return None,
    })
}

fn special_v6(address: Ipv6Addr) -> Option<Special> {
    let segments = address.segments();
    Some(match segments {
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254 | 0x23] => METADATA,
        [0, 0, 0, 0, 0, 0, 0, 0] => Never("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Private("a loopback address"),
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => {
            Never("an IPv4-mapped address")
        }
        [0, 0, 0, 0, 0, 0, ..] => Never("an IPv4-compatible address"),
        // The prefix by which networks without IPv4 reach servers that have nothing else.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            special_v4(embedded(high, low))?;
            Never("a NAT64 address of one that is not global")
        }
        [0x64, 0xff9b, ..] => Never("a NAT64 address"),
        [0x100, 0, 0, 0 | 1, ..] => Never("a discard address"),
        [0x2001, 0, ..] => Never("a Teredo address"),
        [0x2001, 0..=0x1ff, ..] => Never("an address of the protocol registry"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Never("an address for documentation"),
        [0x2002, ..] => Never("a 6to4 address"),
        [0x2000..=0x3fff, ..] => return None,
        [0xfc00..=0xfdff, ..] => Private("a private address"),
        [0xfe80..=0xfebf, ..] => Private("a link-local address"),
        [0xfec0..=0xfeff, ..] => Never("a site-local address"),
        [0xff00..=0xffff, ..] => Never("a multicast address"),
        _ => Never("a reserved address"),
    })
}

/// Returns the IPv4 address that a NAT64 address stands for, else the address itself.
pub(super) fn translated(address: IpAddr) -> IpAddr {
    if let IpAddr::V6(v6) = address
        && let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = v6.segments()
    {
        return embedded(high, low).into();
    }
    address
}

/// Returns the IPv4 address in the last two segments of one of IPv6.
fn embedded(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(address: &str) -> Option<Special> {
        special(address.parse().expect(address))
    }

    #[test]
    fn addresses_of_servers_on_the_internet_are_not_special() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700:4700::1111",
            "2003::1",
            "3ffe::1",
            "64:ff9b::8.8.8.8",
        ] {
            assert_eq!(kind(address), None, "{address}");
        }
    }

    #[test]
    fn addresses_of_a_network_for_itself_are_private() {
        for address in [
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "febf::1",
        ] {
            assert!(matches!(kind(address), Some(Private(_))), "{address}");
        }
    }

    #[test]
    fn addresses_of_no_server_and_disguises_are_never_connected_to() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "233.252.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",
            "::127.0.0.1",
            "::8.8.8.8",
            "64:ff9b::127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fd00:ec2::254",
            "fec0::1",
            "ff02::1",
            "fe00::1",
        ] {
            assert!(matches!(kind(address), Some(Never(_))), "{address}");
        }
    }
}
