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
from flows.params import Config
from flows.prefect.deployment import FILE, FROM_THE_FILE, OF_A_RUN, Deployment, check_parameters
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
    environment = deployment["work_pool"]["job_variables"]["env"]
    assert environment[FILE] == "sandbox"
    assert environment["TOOLLOOM_DATA"] == deployment["parameters"]["data"]
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}


MCP = 'catalogue.sources=[{kind = "mcp", name = "x", command = ["sh", "-c", "id"]}]'


@pytest.mark.parametrize(
    ("override", "named"),
    [
        (MCP, "catalogue"),
        ('catalogue.sources=[{kind = "hub", location = "http://evil.test"}]', "catalogue"),
        ('calling.keys={"evil.test" = "AWS_SECRET_ACCESS_KEY"}', "calling"),
        ('calling.allow_hosts=["169.254.169.254"]', "calling"),
        ("calling.resolve={'*' = 'http://evil.test'}", "calling"),
        ('calling.methods=["GET", "HEAD", "POST", "DELETE"]', "calling"),
        ("llm.base_url=http://evil.test/v1", "llm"),
        ("llm.api_key_env=AWS_SECRET_ACCESS_KEY", "llm"),
        ("sandbox.changes=/etc/passwd", "sandbox"),
        ('evaluate.judge={base_url = "http://evil.test/v1", model = "m"}', "evaluate.judge"),
        (
            'evaluate.judge={base_url = "http://evil.test/v1", model = "m", api_key_env = "AWS_SECRET"}',
            "evaluate.judge",
        ),
        ("retriever.base=somebody/model", "retriever"),
        ("train.base=somebody/model", "train"),
        ("retriever.model=/etc", "retriever"),
        ('retriever.endpoint={base_url = "http://evil.test/v1", model = "m"}', "retriever"),
    ],
)
def test_a_run_names_no_command_address_or_key(override: str, named: str) -> None:
    told = Deployment(name="mine", config=load_config(), data=Path("/data"))

    with pytest.raises(UsageError) as refused:
        told.check_run(load_config(overrides=[override]), Path("/data"))

    assert refused.value.message == (
        f"the parameters of this run change {named}, which only the deployment's file says"
    )


def test_a_run_names_no_other_folder_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "benchmark.txt").write_text("a text\n")
    told = Deployment(name="mine", config=load_config(), data=tmp_path)
    other = load_config(overrides=[f'instruct.decontaminate=["{tmp_path / "benchmark.txt"}"]'])

    with pytest.raises(UsageError, match=r"change instruct\.decontaminate, data, which"):
        told.check_run(other, tmp_path.parent)


def test_a_run_may_say_how_much_and_by_which_method() -> None:
    told = Deployment(name="mine", config=load_config(), data=Path("/data"))
    overrides = ["annotate.method=react", "instruct.accepted=7", "budget.max_usd=1", "probe.max_age=P3D"]
    formats = ['export.formats=["hf"]', "instruct.screens={too_short = false}", "sample.tools=[2, 3]"]

    told.check_run(load_config(overrides=[*overrides, *formats]), Path("/data"))


def test_every_section_is_the_files_or_a_runs() -> None:
    """A new one has to be put on one side: can anything in it make a run do something else?"""
    assert {*FROM_THE_FILE, *OF_A_RUN} == set(Config.model_fields)
    assert {
        "name",
        *("probe", "compress", "sample", "instruct", "annotate", "evaluate"),
        *("budget", "export", "schedule"),
    } == OF_A_RUN


def test_the_file_is_a_profile_a_configuration_or_what_serve_wrote(tmp_path: Path) -> None:
    config = load_config(overrides=["probe.attempts=2"])
    written, own = tmp_path / "deployment.json", tmp_path / "own.toml"
    told = Deployment(name="mine", config=config, data=tmp_path)
    written.write_text(told.model_dump_json(exclude_unset=True))
    own.write_text(
        'llm = {base_url = "http://a.test/v1", model = "m"}\n'
        'catalogue.sources = [{kind = "hub", location = "http://b.test"}]\n'
    )

    check_parameters(config, tmp_path, {FILE: str(written)})
    check_parameters(load_config(), tmp_path, {FILE: "sandbox", "TOOLLOOM_DATA": str(tmp_path)})
    check_parameters(load_config(file=own), tmp_path, {FILE: str(own), "TOOLLOOM_DATA": str(tmp_path)})
    with pytest.raises(UsageError, match="change catalogue, llm, calling, retriever, sandbox"):
        check_parameters(load_config(file=own), tmp_path, {FILE: str(written)})
    with pytest.raises(UsageError, match=f"said by no file: {FILE} is not set"):
        check_parameters(config, tmp_path, {})
    with pytest.raises(UsageError, match="which cannot be read"):
        check_parameters(config, tmp_path, {FILE: str(tmp_path / "gone.json")})


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
