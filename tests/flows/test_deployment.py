"""What Prefect is told of a refresh."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import validate
from refusals import refusal
from warm import WarmToolloom

from flows.configure import load_config
from flows.deployment import Deployment
from flows.params import Config
from flows.refresh_dataset import refresh_dataset
from tasks.errors import UsageError

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9/api"


def test_the_parameters_are_the_configuration() -> None:
    config = load_config(overrides=["schedule.cron=0 3 * * *", "probe.max_age=P3D"])
    told = Deployment(name="mine", config=config, data=Path("/data"))

    assert Config.model_validate(told.parameters["config"]) == config
    assert told.parameters["data"] == "/data"
    assert Deployment.model_validate_json(told.model_dump_json(exclude_unset=True)) == told


def test_the_parameters_have_the_names_of_the_form() -> None:
    """Prefect holds them to the schema of the flow's parameters."""
    config = load_config(overrides=['calling.keys={"api.example.com" = "EXAMPLE_KEY"}'])
    told = Deployment(name="mine", config=config, data=Path("/data"))

    schema = parameter_schema(refresh_dataset).model_dump_for_openapi()
    assert validate(told.parameters, schema, raise_on_error=False) == []


def test_prefect_yaml_is_the_sandbox_profile_by_a_dotted_entrypoint() -> None:
    (deployment,) = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]

    assert Config.model_validate(deployment["parameters"]["config"]) == load_config(profile="sandbox")
    assert deployment["entrypoint"] == "flows.refresh_dataset.refresh_dataset"
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("schedule.cron=0 25 * * *", "schedule.cron: Value error, no cron expression"),
        ("schedule.cron=every night", "`0 3 * * 1` is Mondays at three (found: 'every night')"),
        ("schedule.timezone=Paris", "no time zone; write it as in `Europe/Paris`"),
    ],
)
def test_a_wrong_schedule_is_refused(override: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_config(overrides=[override])

    assert message in refused.value.message


def test_a_port_that_is_taken_is_named(toolloom: WarmToolloom, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = refusal(
            toolloom("serve", "--port", str(port), "--data", tmp_path, env={"PREFECT_API_URL": ""})
        )

    assert found.code == 2
    assert found.message == (
        f"port {port} on 127.0.0.1 cannot be had for the Prefect server (Address already in use)"
    )
    assert "--port" in found.fix


def test_a_prefect_server_that_is_not_there_is_named(toolloom: WarmToolloom, tmp_path: Path) -> None:
    found = refusal(toolloom("serve", "--data", tmp_path, env={"PREFECT_API_URL": NOBODY}))

    assert (found.code, found.message) == (2, f"no Prefect server answers at PREFECT_API_URL={NOBODY}")
