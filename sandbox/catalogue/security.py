"""Digests (hashlib), passwords (zxcvbn) and identifiers (uuid)."""

from __future__ import annotations

import hashlib
import hmac
import math
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import NAMESPACE_DNS, NAMESPACE_OID, NAMESPACE_URL, UUID, uuid3, uuid5

from pydantic import Field

from sandbox.catalogue.vocabulary import rounded
from sandbox.declare import Answer, LazyModule, Security, Tool, about, unprocessable
from sandbox.faults import Fault

zxcvbn = LazyModule("zxcvbn")

if TYPE_CHECKING:
    from collections.abc import Callable

HASHES = Tool(
    slug="hash-service",
    category="Security",
    name="Hash Service",
    description="Cryptographic digests, checksums and message authentication codes.",
    provider="vault",
    backed_by="hashlib",
    licence="PSF-2.0",
)
PASSWORDS = Tool(
    slug="password-check",
    category="Security",
    name="Password Check",
    description="Estimates how long a password would withstand guessing, and why.",
    provider="vault",
    backed_by="zxcvbn",
    licence="MIT",
)
IDENTIFIERS = Tool(
    slug="uuid-forge",
    category="Security",
    name="UUID Forge",
    description="Makes name-based UUIDs and reads what is inside a UUID.",
    provider="ident",
    backed_by="uuid",
    licence="PSF-2.0",
)
Text = Annotated[str, Field(max_length=4000)]
Algorithm = Literal["md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "blake2s"]
_MESSAGE = "The owls are not what they seem"


def _hash(algorithm: str, data: bytes) -> str:
    return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()


@HASHES.get("/digest/{algorithm}")
def compute_digest(
    algorithm: Annotated[Algorithm, about("Hash function", "sha256")],
    text: Annotated[Text, about("Text to digest", _MESSAGE)],
) -> Answer:
    """Computes the digest of a text with a cryptographic hash function."""
    return {"algorithm": algorithm, "hexdigest": _hash(algorithm, text.encode()), "bytes": len(text.encode())}


@HASHES.get("/hmac", backed_by="hmac")
def message_authentication_code(
    text: Annotated[Text, about("Message", _MESSAGE)],
    key: Annotated[Text, about("Shared key", "agent-cooper")],
    algorithm: Annotated[Algorithm, about("Hash function")] = "sha256",
) -> Answer:
    """Computes the HMAC of a message under a key."""
    code = hmac.new(key.encode(), text.encode(), algorithm).hexdigest()
    return {"algorithm": algorithm, "hmac": code, "bits": 4 * len(code)}


@HASHES.get("/checksums", backed_by="zlib", fault=Fault.WRONG_CONTENT_TYPE)
def compute_checksums(text: Annotated[Text, about("Text", _MESSAGE)]) -> Answer:
    """Computes the CRC-32 and Adler-32 checksums of a text and how far it can be compressed."""
    data = text.encode()
    return {
        "crc32": f"{zlib.crc32(data):08x}",
        "adler32": f"{zlib.adler32(data):08x}",
        "bytes": len(data),
    }


@HASHES.post("/merkle-root")
def merkle_root(
    leaves: Annotated[
        list[Text], about("Texts in order", ["alpha", "beta", "gamma"], min_length=1, max_length=256)
    ],
) -> Answer:
    """Builds the Merkle tree (SHA-256) of a list of texts; returns its root and all levels."""
    level = [_hash("sha256", leaf.encode()) for leaf in leaves]
    levels = [level]
    while len(level) > 1:
        padded = level if len(level) % 2 == 0 else [*level, level[-1]]
        level = [_hash("sha256", (a + b).encode()) for a, b in zip(padded[::2], padded[1::2], strict=True)]
        levels.append(level)
    return {"root": level[0], "depth": len(levels), "levels": levels}


@HASHES.get("/prefix", fault=Fault.NEEDS_KEY, security=(Security("basic", "header", "Authorization"),))
def hash_with_prefix(
    prefix: Annotated[str, about("Wanted beginning of the digest", "00", pattern="^[0-9a-f]{1,3}$")],
    text: Annotated[Text, about("Text to begin with", "block 17 ")],
) -> Answer:
    """Proof of work."""
    number = 0
    while not _hash("sha256", f"{text}{number}".encode()).startswith(prefix):
        number += 1
    return {"nonce": number, "digest": _hash("sha256", f"{text}{number}".encode())}


Password = Annotated[str, Field(min_length=1, max_length=72)]


@PASSWORDS.post("/strength")
def password_strength(password: Annotated[Password, about("Password to judge", "Tr0ub4dor&3")]) -> Answer:
    """Scores a password from 0 to 4, with the guesses needed, the time to crack it, and advice."""
    found = zxcvbn.zxcvbn(password)
    return {
        "score": found["score"],
        "guesses_log10": rounded(found["guesses_log10"], 3),
        "crack_times": {key: str(text) for key, text in found["crack_times_display"].items()},
        "warning": found["feedback"]["warning"],
        "suggestions": found["feedback"]["suggestions"],
    }


@PASSWORDS.get("/patterns")
def password_patterns(
    password: Annotated[Password, about("Password to analyse", "monkey1987qwerty")],
) -> Answer:
    """Shows the patterns an attacker would try on a password: words, dates, keyboard walks, repeats."""
    sequence = zxcvbn.zxcvbn(password)["sequence"]
    parts = [
        {"pattern": part["pattern"], "token": part["token"], "guesses": float(part["guesses"])}
        for part in sequence
    ]
    return {"n_parts": len(parts), "parts": parts}


@PASSWORDS.get("/entropy", backed_by="math")
def passphrase_entropy(
    words: Annotated[int, about("Number of words in the passphrase", 6, ge=1, le=24)],
    list_size: Annotated[int, about("Words in the list they are drawn from", ge=2, le=10**6)] = 7776,
    guesses_per_second: Annotated[float, about("Speed of the attacker", ge=1, le=1e15)] = 1e10,
) -> Answer:
    """Computes the entropy of a random passphrase in bits and the years needed to guess it."""
    bits = words * math.log2(list_size)
    years = list_size**words / 2 / guesses_per_second / 31_557_600
    return {"bits": rounded(bits, 3), "average_years": float(f"{years:.6g}")}


@PASSWORDS.get("/generate", fault=Fault.NOT_SUBSCRIBED)
def derive_password(
    site: Annotated[Password, about("Site", "example.org")],
    length: Annotated[int, about("Length", ge=8, le=40)] = 16,
) -> Answer:
    """password for a site"""
    return {"password": _hash("sha256", site.encode())[:length]}


_NAMESPACES = {"dns": NAMESPACE_DNS, "url": NAMESPACE_URL, "oid": NAMESPACE_OID}


@IDENTIFIERS.get("/named")
def named_uuid(
    name: Annotated[
        str, about("Name within the namespace", "toolloom.example.org", min_length=1, max_length=200)
    ],
    namespace: Annotated[Literal["dns", "url", "oid"], about("What kind of name it is")] = "dns",
    digest: Annotated[Literal["md5", "sha1"], about("md5 makes version 3, sha1 version 5")] = "sha1",
) -> Answer:
    """Makes the UUID that belongs to a name; the same name always gives the same UUID."""
    make: Callable[[UUID, str], UUID] = uuid5 if digest == "sha1" else uuid3
    made = make(_NAMESPACES[namespace], name)
    return {"uuid": str(made), "urn": made.urn, "integer": str(made.int), "version": made.version}


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise unprocessable(f"'{text}' is not a UUID (32 hexadecimal digits)") from None


@IDENTIFIERS.get("/inspect/{uuid}")
def inspect_uuid(
    uuid: Annotated[str, about("UUID to read", "c232ab00-9414-11ec-b3c8-9f6bdeced846", max_length=50)],
) -> Answer:
    """Reads a UUID: version, variant, and for version 1 the moment and the node that made it."""
    found = _uuid(uuid)
    moment = None
    if found.version == 1:
        epoch = datetime(1582, 10, 15, tzinfo=UTC)
        moment = (epoch + timedelta(microseconds=found.time // 10)).isoformat()
    node = f"{found.node:012x}" if found.version == 1 else None
    return {
        "uuid": str(found),
        "version": found.version,
        "variant": found.variant,
        "time": moment,
        "node": node,
    }


@IDENTIFIERS.get("/short/{uuid}")
def shorten_uuid(
    uuid: Annotated[str, about("UUID to shorten", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", max_length=50)],
    alphabet: Annotated[Literal["base36", "base58", "base62"], about("Digits of the short form")] = "base58",
) -> Answer:
    """Writes a UUID in a denser alphabet and tells how many characters that saves."""
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    digits = {
        "base36": letters[:36],
        "base62": letters,
        "base58": "".join(c for c in letters if c not in "0IOl"),
    }
    found, rest, short = _uuid(uuid), _uuid(uuid).int, ""
    while rest:
        rest, digit = divmod(rest, len(digits[alphabet]))
        short = digits[alphabet][digit] + short
    return {"uuid": str(found), "short": short, "saved": len(str(found)) - len(short)}


@IDENTIFIERS.get("/random", fault=Fault.SLOW)
def many_uuids(seed: Annotated[int, about("Seed", 7, ge=0, le=10**9)]) -> Answer:
    """five uuids"""
    return {"uuids": [str(uuid5(NAMESPACE_OID, f"{seed}/{number}")) for number in range(5)]}
