"""A folder of somebody else's, with modules of his own that are named as ours and as what we import."""

from __future__ import annotations

from pathlib import Path

PACKAGES = ("flows", "sandbox", "warehouse", "toolloom")
MODULES = ("tasks", "prompts", "seeds", "prefect", "httpx", "pandas", "json", "typing")


class Strangers:
    """The modules that lie in `folder`; who imports one fails, and is seen."""

    def __init__(self, folder: Path, seen: Path) -> None:
        self._seen = seen
        theirs = (
            f"open({str(seen)!r}, 'a').write(__name__ + ' ')\nraise SystemExit('a module of strangers')\n"
        )
        for name in PACKAGES:
            (folder / name).mkdir()
            (folder / name / "__init__.py").write_text(theirs)
        for name in MODULES:
            (folder / f"{name}.py").write_text(theirs)

    @property
    def imported(self) -> list[str]:
        return self._seen.read_text().split() if self._seen.exists() else []
