"""Addresses and networks among recorded texts, some of which are no addresses at all."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def numbers_in(wanted: Iterable[str], recorded: Iterable[str]) -> list[int]:
    """Of the recorded texts, the numbers of those equal to a wanted text, or addresses of a wanted address or network.

    An IPv4 address written inside IPv6 (RFC 4291, section 2.5.5.2) counts as the IPv4 address.
    """
    texts = set(wanted)
    networks = [network for text in texts if (network := _network(text)) is not None]
    return [number for number, text in enumerate(recorded) if text in texts or (networks and _inside(text, networks))]


def _inside(text: str, networks: list[Network]) -> bool:
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in networks if network.version == address.version)


def _network(text: str) -> Network | None:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        return ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}", strict=False)
    return network
