//! The addresses of this machine's network interfaces.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

/// Returns the addresses of all network interfaces of this machine, or of the network
/// namespace that this process is in.
///
/// # Errors
///
/// Returns the operating system's error if it does not list them.
pub fn own_addresses() -> io::Result<Vec<IpAddr>> {
    let mut first: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: `getifaddrs` writes one pointer to where its argument points, which is a
    // local variable.
    if unsafe { libc::getifaddrs(&mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: the list is one that `getifaddrs` made, each of whose entries is valid
        // until `freeifaddrs` below; `next` is not null.
        let entry = unsafe { &*next };
        // SAFETY: the address of an entry is null, or points to an address that is as long
        // as its family says, and lives as long as the entry.
        found.extend(unsafe { address_at(entry.ifa_addr) });
        next = entry.ifa_next;
    }
    // SAFETY: `first` came from `getifaddrs`, is freed once, and nothing refers to the list
    // any more: addresses were copied.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

/// Copies an address of IPv4 or IPv6; `None` if it is null or of another family.
///
/// # Safety
///
/// `address` is null, or points to a socket address that is valid for reads and as long as
/// its family says.
unsafe fn address_at(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: every socket address begins with its family; the caller vouches for the rest.
    match i32::from(unsafe { (*address).sa_family }) {
        libc::AF_INET => {
            // SAFETY: with this family it is a `sockaddr_in`. The read needs no alignment.
            let address = unsafe { ptr::read_unaligned(address.cast::<libc::sockaddr_in>()) };
            // The bytes are in network order, whatever the integer is.
            let bytes = address.sin_addr.s_addr.to_ne_bytes();
            Some(Ipv4Addr::from(bytes).into())
        }
        libc::AF_INET6 => {
            // SAFETY: with this family it is a `sockaddr_in6`. The read needs no alignment.
            let address = unsafe { ptr::read_unaligned(address.cast::<libc::sockaddr_in6>()) };
            Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_among_them() {
        let found = own_addresses().expect("a list");
        assert!(found.contains(&Ipv4Addr::LOCALHOST.into()), "{found:?}");
    }
}
