"""The embedded offline world: a hub of real HTTP APIs and a teacher that speaks the OpenAI protocol.

Importing any of it without the libraries that compute the hub's answers is one clear ImportError.
"""

from __future__ import annotations

from importlib.util import find_spec

LIBRARIES = (
    "airportsdata",
    "astral",
    "babel",
    "dateutil",
    "ephem",
    "geographiclib",
    "holidays",
    "humanize",
    "inflection",
    "jellyfish",
    "jsonschema",
    "numpy_financial",
    "packaging",
    "periodictable",
    "phonenumbers",
    "pint",
    "pyparsing",
    "segno",
    "snowballstemmer",
    "webcolors",
    "zxcvbn",
)
"""The extra `sandbox` of pyproject.toml, by the names that are imported."""


def _is_installed(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except (ImportError, ValueError):
        return False


# Here and not at first use: half of them are loaded by the first request that needs them (`sandbox.declare`).
_missing = [library for library in LIBRARIES if not _is_installed(library)]
if _missing:
    raise ImportError(
        f"the sandbox needs libraries that are not installed: {', '.join(_missing)}", name=__name__
    )
