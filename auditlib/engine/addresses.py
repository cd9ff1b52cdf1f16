"""Addresses and networks among recorded texts, some of which are no addresses at all.

An IPv4 address written inside IPv6 (RFC 4291, section 2.5.5.2) counts as the IPv4 address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_of(text: str) -> Address | None:
    """The address a text is, or None."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def network_of(text: str) -> Network | None:
    """The network, or the network of the one address, that a text is; None where it is neither."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        return ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}", strict=False)
    return network


def networks_of(texts: Iterable[str]) -> list[Network]:
    """The networks that texts are, those that are none left out."""
    return [network for text in texts if (network := network_of(text)) is not None]


def numbers_in(wanted: Iterable[str], recorded: Iterable[str]) -> list[int]:
    """Of the recorded texts, the numbers of those equal to a wanted text, or addresses of a wanted address or network."""
    texts = set(wanted)
    networks = networks_of(texts)
    return [number for number, text in enumerate(recorded) if text in texts or (networks and is_inside(text, networks))]


def is_inside(text: str, networks: Iterable[Network]) -> bool:
    """Whether a text is an address of one of the networks."""
    address = address_of(text)
    return address is not None and any(address in network for network in networks if network.version == address.version)
