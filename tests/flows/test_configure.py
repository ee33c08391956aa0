from __future__ import annotations

from pathlib import Path

import pytest

from flows.configure import load_config, profile_names
from flows.plan import plan
from flows.start import check_settings
from flows.text.plan import estimate_text
from tasks.errors import UsageError
from tasks.llm.params import JudgeParams
from tasks.planning.estimate import Estimate, StageEstimate

MINIMAL = """
[catalogue]
sources = [{ kind = "hub", location = "http://hub.test" }]
[llm]
base_url = "http://model.test/v1"
model = "m"
"""


@pytest.mark.parametrize("profile", profile_names())
def test_every_profile_is_valid(profile: str) -> None:
    assert load_config(profile=profile).name == profile


def test_overrides_are_toml_values_or_plain_text(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MINIMAL)

    config = load_config(
        file=file, overrides=["annotate.width=3", "llm.model=other", 'calling.methods=["GET"]', "name=x"]
    )

    assert (config.annotate.width, config.llm.model, config.calling.methods, config.name) == (
        3,
        "other",
        ("GET",),
        "x",
    )


def test_the_sandbox_is_called_as_no_other_host_is() -> None:
    """A catalogue in which real servers stand beside it has the careful defaults for them."""
    careful, config = load_config(profile="vllm"), load_config(profile="sandbox")

    def settings(host: str) -> tuple[object, ...]:
        calling, probe = config.calling, config.probe
        at_host = (calling.methods_at(host), calling.timeout_at(host), calling.rps_at(host))
        return (*at_host, probe.spacing_at(host), probe.max_latency_at(host))

    assert settings("rain.sandbox.test") == (("GET", "HEAD", "POST"), 2.0, 200, 0.0, 1.8)
    assert settings("api.example.com") == (("GET", "HEAD"), 15, 10, 10, 8)
    assert settings("sandbox.test.example.com") == settings("api.example.com")
    assert config.calling.model_copy(update={"hosts": {}}) == careful.calling
    assert config.probe.model_copy(update={"hosts": {}}) == careful.probe
    assert config.catalogue.per_host_rps == careful.catalogue.per_host_rps


def test_what_is_set_by_hand_holds_for_the_hosts_of_a_profile_as_well() -> None:
    config = load_config(
        overrides=['calling.methods=["GET"]', "calling.timeout_s=1", "probe.max_latency_s=0.5"]
    )

    assert config.calling.methods_at("rain.sandbox.test") == ("GET",)
    assert config.calling.timeout_at("rain.sandbox.test") == 1
    assert config.calling.rps_at("rain.sandbox.test") == 200
    assert (config.probe.max_latency_at("rain.sandbox.test"), config.probe.spacing_at("x.sandbox.test")) == (
        0.5,
        0,
    )


def test_every_variable_that_holds_a_key_is_known() -> None:
    mcp = 'kind="mcp", name="x", url="https://mcp.test/x", headers={Authorization="MCP_HEADER"}'
    env = 'kind="mcp", name="y", command=["y"], env={TOKEN="MCP_ENV"}'
    hub = 'kind="hub", location="http://hub.test", header_keys={"X-Key"="HUB_KEY"}'
    config = load_config(
        overrides=[
            f"catalogue.sources=[{{{mcp}}}, {{{env}}}, {{{hub}}}]",
            'calling.keys={"a.test"="API_KEY", "b.test"="API_KEY"}',
            "calling.toolbench_key_env=SERVICE_KEY",
            "llm.api_key_env=MODEL_KEY",
        ]
    )

    assert config.key_variables == ("API_KEY", "HUB_KEY", "MCP_ENV", "MCP_HEADER", "MODEL_KEY", "SERVICE_KEY")


def test_queries_are_the_sources_of_a_configuration_that_names_none(tmp_path: Path) -> None:
    own, bare = tmp_path / "own.toml", tmp_path / "bare.toml"
    own.write_text(MINIMAL)
    bare.write_text(MINIMAL[MINIMAL.index("[llm]") :])

    def sources(file: Path) -> list[tuple[str, str]]:
        config = load_config(file=file, queries=tmp_path / "queries.json")
        return [(source.kind, str(getattr(source, "location", ""))) for source in config.catalogue.sources]

    assert sources(own) == [("hub", "http://hub.test")]
    assert sources(bare) == [("toolbench", str(tmp_path / "queries.json"))]


def test_a_model_is_only_needed_where_one_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MINIMAL[: MINIMAL.index("[llm]")])
    config = load_config(file=file)

    assert [config.asks_model(until) for until in ("crawl", "probe", "compress", None)] == [
        False,
        False,
        True,
        True,
    ]
    check_settings(config, asks_model=config.asks_model("crawl"))
    with pytest.raises(UsageError, match=r"no model endpoint is named: \[llm\] is missing"):
        check_settings(config, asks_model=config.asks_model(None))
    with pytest.raises(UsageError, match="no model endpoint is named"):
        plan(config, tmp_path)


def test_the_old_name_of_an_endpoint_is_read_with_a_note(capsys: pytest.CaptureFixture[str]) -> None:
    old = load_config(overrides=["llm.known_as=cluster"])
    note = capsys.readouterr().out

    assert old == load_config(overrides=["llm.endpoint_id=cluster"])
    assert note == "note: [llm] known_as is called endpoint_id now; the old name is still read\n"
    assert capsys.readouterr().out == ""


def test_an_endpoint_under_both_names_is_refused() -> None:
    with pytest.raises(UsageError, match=r"llm\.known_as: no such key"):
        load_config(overrides=["llm.known_as=a", "llm.endpoint_id=b"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[llm", "is not valid TOML"),
        (MINIMAL + "[annotate]\nwidht = 3\n", "annotate.widht: no such key"),
        (MINIMAL + "[annotate]\nwidht = 3\n", "did you mean 'width'?"),
        (MINIMAL + "[annotate]\nwidth = 0\n", "annotate.width: Input should be greater than or equal to 1"),
        (MINIMAL + "[annotate]\nwidth = 0\n", "(found: 0)"),
        (MINIMAL + "[sample]\ntools = [5, 2]\n", "must be [fewest, most]"),
        ("[llm]\nbase_url = 'x'\nmodel = 'm'\n", "catalogue: this key is required"),
    ],
)
def test_a_wrong_file_is_refused_with_key_and_value(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)

    with pytest.raises(UsageError) as refused:
        load_config(file=file)

    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            '{kind = "hubb"}',
            "catalogue.sources.0: no such kind; there are 'hub', 'toolbench', 'openapi', 'mcp' "
            "(found: {'kind': 'hubb'})",
        ),
        (
            '{location = "http://hub.test"}',
            "catalogue.sources.0: its `kind` is missing (docs/sources.md) "
            "(found: {'location': 'http://hub.test'})",
        ),
        (
            '{kind = "hub", location = "http://hub.test", pages = 3}',
            "catalogue.sources.0.hub.pages: no such key (found: 3)",
        ),
        ("", "catalogue.sources: Tuple should have at least 1 item after validation, not 0 (found: [])"),
    ],
)
def test_what_is_wrong_with_a_source_is_told_once(source: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_config(overrides=[f"catalogue.sources=[{source}]"])

    assert refused.value.message == f"the configuration cannot be used:\n  {told}"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("annotate.width", "has no value"),
        ("=3", "has no value"),
        ("name.x=1", "'name' is not a section"),
        ("annotate.wdth=1", "did you mean 'width'?"),
        (
            "budget.stages={crawl = {max_requests = 1}}",
            "stages.crawl asks no model; those that do: endpoint,",
        ),
        ("budget.stages={propose = {max_request = 1}}", "propose.max_request: no such key"),
        (
            "annotate.method=reakt",
            "no such method; there are dfsdt, dfs_ranked, react, react@5 (any number) and react@budget",
        ),
        ("annotate.offer=retrieved", "no such offer; write it as in retrieved@5"),
        ("annotate.offer=retrieved@0", "no such offer"),
        ("annotate.budget_of=react@budget", "dfs_ranked, react, react@5 (any number) (found"),
        ("llm.body={stream = true}", "'stream' is set by Toolloom: one whole reply is read"),
        ("llm.body={n = 2}", "'n' is set by Toolloom: one whole reply is read"),
        ("llm.body={top_p = 1, model = 'x'}", "'model' is set by Toolloom: set [llm] model"),
        (
            "llm.body={max_completion_tokens = 9}",
            "'max_completion_tokens' is set by Toolloom: set [llm] max_",
        ),
        ("llm.body={messages = []}", "'messages' is set by Toolloom: each request has its own"),
        ("llm.body={extra_body = {top_k = 1}}", "write its fields into [llm] body itself"),
        ("llm.body={until = 2026-01-01}", "it holds what JSON has no word for"),
        ("llm.body={top_p = nan}", "it holds what JSON has no word for"),
        ("llm.body={top_k = 99999999999999999999}", "it holds what JSON has no word for"),
        ("llm.body=top_p", "llm.body: Input should be a valid dictionary"),
        ("llm.tools=words", "llm.tools: Input should be 'auto', 'native' or 'text'"),
        ("evaluate.judge.base_url=http://judge.test/v1", "evaluate.judge.model: this key is required"),
        ("evaluate.judge={base_url = 'x', modle = 'm'}", "did you mean 'model'?"),
        ("evaluate.judge.body={stream = true}", "'stream' is set by Toolloom: one whole reply is read"),
        ("llm.model.name=x", "'model' is not a section"),
    ],
)
def test_a_wrong_override_is_refused(override: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_config(overrides=[override])

    assert message in str(refused.value)


@pytest.mark.parametrize(
    "override",
    [
        'catalogue.sources=[{kind = "hub", location = "http://ann:hunter2@hub.test"}]',
        'calling.resolve={"*.hub.test" = "http://ann:hunter2@127.0.0.1"}',
    ],
)
def test_credentials_in_an_address_are_refused_and_not_shown(override: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_config(overrides=[override])

    assert "an address must hold no credentials" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_an_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(UsageError) as refused:
        load_config(profile="sandbx")

    assert "did you mean 'sandbox'?" in str(refused.value)


def test_a_profile_beside_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINIMAL)

    with pytest.raises(UsageError) as refused:
        load_config(profile="sandbox", file=tmp_path / "mine.toml")

    assert refused.value.message == "--profile and --config exclude each other"


def test_a_missing_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        load_config(file=tmp_path / "none.toml")

    assert f"{tmp_path / 'none.toml'} does not exist" in str(refused.value)


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        load_config(file=tmp_path)

    assert refused.value.message == f"{tmp_path} is a folder"


def test_addresses_and_speed_do_not_change_the_content() -> None:
    one = load_config(overrides=["llm.base_url=http://a/v1", "llm.concurrency=1", "calling.concurrency=2"])
    other = load_config(overrides=["llm.base_url=http://b/v1", "budget.max_requests=5", "name=x"])

    assert one.content() == other.content()
    assert one.content() != load_config(overrides=["annotate.width=3"]).content()
    assert one.content() != load_config(overrides=["llm.body={top_p = 0.9}"]).content()


@pytest.mark.parametrize(("text", "told"), [("", "refresh"), ('name = "weather"\n', "refresh weather")])
def test_others_are_told_the_name_of_a_configuration_that_has_one(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "mine.toml").write_text(text + MINIMAL)

    assert load_config(file=tmp_path / "mine.toml").command("refresh") == told


def test_overrides_reach_into_tables_of_sections() -> None:
    overrides = ["evaluate.judge.base_url=http://judge.test/v1", "evaluate.judge.model=j"]
    config = load_config(overrides=[*overrides, "budget.stages.evaluate.max_requests=9"])

    assert config.judge == JudgeParams(base_url="http://judge.test/v1", model="j")
    assert config.budget.stages["evaluate"].max_requests == 9


def test_who_judges_is_the_writer_unless_somebody_else_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    alone = load_config()
    judged = load_config(
        overrides=[
            'evaluate.judge={base_url = "http://judge.test/v1", model = "j", api_key_env = "JUDGE_KEY"}'
        ]
    )

    assert alone.judge == alone.llm
    assert [llm.model for llm in judged.endpoints(asks_model=False, asks_judge=True)] == ["j"]
    assert [llm.model for llm in judged.endpoints(asks_model=True, asks_judge=True)] == [alone.llm.model, "j"]
    assert alone.endpoints(asks_model=True, asks_judge=True) == (alone.llm,)
    assert "JUDGE_KEY" in judged.key_variables


JUDGE = ["evaluate.judge.base_url=http://judge.test/v1", "evaluate.judge.model=j"]
PAID = ["evaluate.judge.price_in=1", "evaluate.judge.price_out=1", "evaluate.judge.max_tokens=50"]
OWN_LIMIT = ["llm.max_tokens=100"]
BOTH, REFRESH_ALONE, JUDGING_ALONE = (True, True), (True, False), (False, True)


@pytest.mark.parametrize(
    ("cap", "settings", "asks", "lacking"),
    [
        ("stages.annotate.max_tokens=1000", OWN_LIMIT, BOTH, None),
        ("stages.annotate.max_tokens=1000", PAID, BOTH, "[llm] max_tokens"),
        ("stages.annotate.max_tokens=1000", [], JUDGING_ALONE, None),
        ("stages.evaluate.max_tokens=1000", OWN_LIMIT, BOTH, "[evaluate.judge] max_tokens"),
        ("stages.evaluate.max_tokens=1000", OWN_LIMIT, REFRESH_ALONE, None),
        ("stages.evaluate.max_usd=1", PAID, BOTH, None),
        ("stages.evaluate.max_usd=1", PAID, JUDGING_ALONE, None),
        ("stages.prefer.max_usd=1", [], JUDGING_ALONE, "[evaluate.judge] price_in"),
        ("stages.propose.max_usd=1", PAID, BOTH, "[llm] price_in"),
        ("stages.endpoint.max_usd=1", PAID, BOTH, "[llm] price_in"),
        ("stages.endpoint.max_usd=1", PAID, JUDGING_ALONE, None),
        ("max_usd=1", PAID, BOTH, "[llm] price_in"),
        ("max_usd=1", PAID, JUDGING_ALONE, None),
        ("max_tokens=1000", OWN_LIMIT, BOTH, "[evaluate.judge] max_tokens"),
        ("max_tokens=1000", [], (False, False), None),
    ],
)
def test_a_cap_demands_what_the_endpoints_need_that_it_is_over(
    cap: str, settings: list[str], asks: tuple[bool, bool], lacking: str | None, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(MINIMAL)
    config = load_config(file=tmp_path / "mine.toml", overrides=[f"budget.{cap}", *JUDGE, *settings])

    try:
        check_settings(config, asks_model=asks[0], asks_judge=asks[1])
        said = None
    except UsageError as refused:
        said = f"{refused.message} {refused.fix}"

    assert said is None if lacking is None else lacking in (said or "")


@pytest.mark.parametrize(
    ("unpriced", "said"),
    [
        ({"annotate"}, "[llm]"),
        ({"evaluate", "prefer"}, "[evaluate.judge]"),
        ({"propose", "annotate", "evaluate"}, "[llm] and [evaluate.judge]"),
    ],
)
def test_an_estimate_names_the_section_that_lacks_prices(unpriced: set[str], said: str) -> None:
    nothing = StageEstimate(stage="", requests=1, tokens_in=1, tokens_out=1, usd=1.0, hours=0.0)
    stages = tuple(
        nothing.model_copy(update={"stage": stage, "usd": None if stage in unpriced else 1.0})
        for stage in ("propose", "annotate", "evaluate", "prefer")
    )

    text = estimate_text(Estimate(stages=stages), load_config(overrides=JUDGE))

    assert text.splitlines()[-1] == f"dollars: unknown while {said} price_in and price_out are not set"
