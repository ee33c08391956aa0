"""Networks (ipaddress) and URLs (urllib)."""

from __future__ import annotations

import ipaddress
from typing import Annotated
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit

from sandbox.declare import Answer, Tool, about, unprocessable
from sandbox.faults import Fault

NETWORKS = Tool(
    slug="network-calculator",
    category="Developer",
    name="Network Calculator",
    description="Subnets, ranges and kinds of IPv4 and IPv6 addresses.",
    provider="packetworks",
    backed_by="ipaddress",
    licence="PSF-2.0",
)
URLS = Tool(
    slug="url-tools",
    category="Developer",
    name="URL Tools",
    description="Takes URLs apart, joins them and encodes their parts.",
    provider="packetworks",
    backed_by="urllib",
)
Cidr = Annotated[str, about("Network in CIDR notation", "10.20.0.0/21", max_length=60)]
Address = Annotated[str, about("IPv4 or IPv6 address", "192.168.44.7", max_length=60)]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise unprocessable(f"not a network: {error}") from None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise unprocessable(f"not an address: {error}") from None


def _facts(network: Network) -> Answer:
    return {
        "network": str(network),
        "first": str(network[0]),
        "last": str(network[-1]),
        "netmask": str(network.netmask),
        "addresses": str(network.num_addresses),
    }


@NETWORKS.get("/subnet")
def describe_network(cidr: Cidr) -> Answer:
    """Returns first and last address, netmask, wildcard mask and size of a network."""
    network = _network(cidr)
    return {**_facts(network), "wildcard": str(network.hostmask), "private": network.is_private}


@NETWORKS.get("/split")
def split_network(
    cidr: Cidr, prefix: Annotated[int, about("Prefix length of the parts", ge=1, le=128)] = 27
) -> Answer:
    """Divides a network into equal subnets; lists range, netmask and size of each."""
    network = _network(cidr)
    if not network.prefixlen <= prefix <= min(network.max_prefixlen, network.prefixlen + 8):
        raise unprocessable(f"'prefix' must lie between {network.prefixlen} and {network.prefixlen + 8}")
    parts: list[Network] = list(network.subnets(new_prefix=prefix))
    return {"count": len(parts), "subnets": [_facts(part) for part in parts]}


@NETWORKS.get("/address/{address}")
def describe_address(address: Address) -> Answer:
    """Tells what kind of address it is, with its binary, integer and reverse-DNS forms."""
    found = _address(address)
    kinds = ("is_private", "is_global", "is_loopback", "is_link_local", "is_multicast", "is_reserved")
    return {
        "address": str(found),
        "version": found.version,
        "integer": str(int(found)),
        "reverse_dns": found.reverse_pointer,
        "exploded": found.exploded,
        "kinds": [kind.removeprefix("is_") for kind in kinds if getattr(found, kind)],
    }


@NETWORKS.get("/contains")
def network_contains(
    cidr: Cidr, address: Annotated[Address, about("Address to look for", "10.20.6.200")]
) -> Answer:
    """Tells whether an address lies in a network and at which place."""
    network, found = _network(cidr), _address(address)
    inside = found.version == network.version and found in network
    return {"contains": inside, "offset": str(int(found) - int(network[0])) if inside else None}


@NETWORKS.get("/summarise", fault=Fault.SERVER_ERROR)
def summarise_range(
    first: Annotated[Address, about("First address", "172.16.3.0")],
    last: Annotated[Address, about("Last address", "172.16.9.127")],
) -> Answer:
    """Covers a range of addresses with the fewest networks."""
    try:
        networks = list(ipaddress.summarize_address_range(_address(first), _address(last)))
    except (ValueError, TypeError) as error:
        raise unprocessable(str(error)) from None
    return {"count": len(networks), "networks": [str(network) for network in networks]}


@NETWORKS.get("/whois", fault=Fault.NOT_FOUND)
def address_class(address: Address) -> Answer:
    """class of an ipv4 address"""
    first = _address(address).packed[0]
    return {
        "class": next(
            name for limit, name in ((128, "A"), (192, "B"), (224, "C"), (256, "D")) if first < limit
        )
    }


@URLS.get("/parse")
def parse_url(
    url: Annotated[
        str,
        about(
            "URL to take apart", "https://user@example.org:8443/a/b%20c?q=tea&lang=en#top", max_length=2000
        ),
    ],
) -> Answer:
    """Takes a URL apart: scheme, host, port, path, decoded query parameters and fragment."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise unprocessable(f"not a URL: {error}") from None
    return {
        "scheme": parts.scheme,
        "host": parts.hostname,
        "port": port,
        "user": parts.username,
        "path": unquote(parts.path),
        "query": dict(parse_qsl(parts.query)),
        "fragment": parts.fragment,
    }


@URLS.get("/join")
def join_urls(
    base: Annotated[
        str, about("URL one is at", "https://example.org/docs/guide/intro.html", max_length=2000)
    ],
    reference: Annotated[str, about("Relative reference to follow", "../api/v2/?page=3", max_length=2000)],
) -> Answer:
    """Resolves a relative reference against a base URL, as a browser does."""
    try:
        joined = urljoin(base, reference)
        return {
            "url": joined,
            "host": urlsplit(joined).hostname,
            "changed_host": urlsplit(joined).netloc != urlsplit(base).netloc,
        }
    except ValueError as error:
        raise unprocessable(f"not a URL: {error}") from None


@URLS.post("/build")
def build_url(
    host: Annotated[str, about("Host name", "example.org", pattern=r"^[a-z0-9.-]{1,100}$")],
    segments: Annotated[list[str], about("Parts of the path", ["search", "café & bar"], max_length=20)],
    query: Annotated[dict[str, str], about("Query parameters", {"q": "hot drinks", "page": "2"})],
    secure: Annotated[bool, about("https rather than http")] = True,
) -> Answer:
    """Builds a URL from host, path segments and query parameters, encoding each where needed."""
    path = "/".join(quote(segment, safe="") for segment in segments)
    url = f"http{'s' if secure else ''}://{host}/{path}{'?' if query else ''}{urlencode(query)}"
    return {"url": url, "length": len(url)}


@URLS.get("/encode", fault=Fault.FLAKY)
def percent_encode(
    text: Annotated[str, about("Text", "50% off: crème fraîche", max_length=1000)],
    safe: Annotated[str, about("Characters that stay as they are", max_length=20)] = "",
) -> Answer:
    """Percent-encodes a text for use in a URL, as path and as form data."""
    return {"path": quote(text, safe=safe), "form": urlencode({"text": text})}


@URLS.get("/domain", fault=Fault.ERROR_OBJECT)
def domain_parts(host: Annotated[str, about("Host", "shop.example.co.uk", max_length=200)]) -> Answer:
    """parts of a domain"""
    return {"labels": host.split("."), "top": host.rsplit(".", 1)[-1]}
