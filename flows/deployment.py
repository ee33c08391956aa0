"""The refresh as a deployment: what Prefect is told of it, as values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from flows.params import Config


class Deployment(BaseModel):
    """A refresh of one data folder under a name of its own."""

    model_config = ConfigDict(frozen=True)

    name: str
    config: Config
    data: Path

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the flow, as JSON: what was set, so that the form in the UI shows no more than that.

        By the names of the configuration file, which are those of the form's schema.
        """
        config = self.config.model_dump(mode="json", exclude_unset=True, by_alias=True)
        return {"config": config, "data": str(self.data)}
