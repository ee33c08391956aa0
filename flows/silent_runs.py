"""Runs whose process is gone, together with whoever would have told: Prefect marks them Crashed."""

from __future__ import annotations

from pathlib import Path

import yaml
from prefect.client.orchestration import get_client
from prefect.events.schemas.automations import AutomationCore

HEARTBEAT_S = 30  # the shortest that Prefect has; `within` of the automation is a multiple of it
FILE = Path(__file__).with_suffix(".yaml")


async def watch() -> None:
    """Registers the automation of FILE, or brings it up to date."""
    automation = AutomationCore.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
    async with get_client() as client:
        registered = await client.read_automations_by_name(automation.name)
        if registered:
            await client.update_automation(registered[0].id, automation)
        else:
            await client.create_automation(automation)
