"""Starting a flow from the command line: a Prefect server, the flow, every record kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flows.outcome import Outcome
from flows.params import Config, SandboxParams
from flows.prefect.server import (
    NEUTRAL,
    OwnServer,
    named_when_gone,
    own_server_unless_configured,
    prepare_environment,
    wait_for_records,
)
from flows.report import Voice, command, say, voice
from flows.sandbox_process import open_sandbox, require_libraries
from flows.serve_model import has_gpu
from tasks.calling.credentials import Credentials
from tasks.calling.toolbench import toolbench_key
from tasks.catalogue.opening import check_on_this_machine
from tasks.catalogue.toolbench.instructions import check_queries
from tasks.errors import UsageError
from tasks.importing.files import find_answers
from tasks.judging.labels import answers_of, read_labels
from tasks.llm.batching.api import BatchApi
from tasks.llm.budget import refuse_uncountable
from tasks.llm.endpoint import Endpoint
from tasks.llm.params import LlmParams
from tasks.probing.judge import Again
from tasks.retrieval.encoding import folder_of, require_extra
from tasks.retrieval.params import ENDPOINT
from tasks.serving.bases import folder_of_base
from tasks.serving.servers import chosen_server
from tasks.training.base import require_extra as require_train_extra
from tasks.training.base import shown_by
from tasks.training.making import require_learnable
from tasks.transport.runtime import Runtime
from warehouse import manifest
from warehouse.files import refuse_foreign
from warehouse.lock import require_free
from warehouse.store import Store
from warehouse.tables import ANNOTATIONS, INSTRUCTIONS

if TYPE_CHECKING:
    from prefect import State


RunFlow = Callable[[Config], "State[Any]"]


def start_refresh(config: Config, data: Path, *, until: str | None) -> None:
    """Runs the refresh to its end and prints what came of it.  Raises what stopped it."""

    def load() -> RunFlow:
        from flows.refresh_dataset import refresh_dataset

        return lambda reachable: refresh_dataset(reachable, data, until, return_state=True)

    asks_model, asks_judge = config.asks_model(until), config.asks_judge(until)
    _start(config, data, load, asks_model=asks_model, asks_judge=asks_judge)


def start_probe(config: Config, data: Path, *, only_stale: bool) -> None:
    """Probes the catalogue of the last run again and prints what came of it.  Raises what stopped it."""
    check_data_set(data)

    def load() -> RunFlow:
        from flows.reprobe import probe_catalogue

        again = Again.STALE if only_stale else Again.ALL
        return lambda reachable: probe_catalogue(reachable, data, again, return_state=True)

    _start(config, data, load, asks_model=config.probe.model_arguments)


def start_annotate(config: Config, data: Path, *, queries: Path | None, replay: bool) -> None:
    """Searches instructions beside a refresh and prints what came of it.  Raises what stopped it."""
    if queries is None:
        check_data_set(data, otherwise="give queries with --queries, ")
    else:
        check_queries(queries, bare=config.annotate.retrieved is not None)

    def load() -> RunFlow:
        from flows.annotate_instructions import Asked, annotate_instructions

        asked = Asked(queries=queries, replay=replay)
        return lambda reachable: annotate_instructions(reachable, data, asked, return_state=True)

    config.require_model()  # whose replies are replayed, too
    _start(config, data, load, asks_model=not replay)


def start_evaluate(config: Config, data: Path) -> None:
    """Judges the answers of a data folder and prints what came of it.  Raises what stopped it."""
    check_data_set(data)

    def load() -> RunFlow:
        from flows.evaluate_annotations import evaluate_annotations

        return lambda reachable: evaluate_annotations(reachable, data, return_state=True)

    _start(config, data, load, asks_model=False, asks_judge=True)


def start_import(config: Config, data: Path, *, place: Path) -> None:
    """Reads the answers of another tool and prints what came of it.  Raises what stopped it."""
    find_answers(place)
    asks_nobody = config.model_copy(update={"sandbox": SandboxParams()})

    def load() -> RunFlow:
        from flows.import_answers import import_answers

        return lambda _: import_answers(asks_nobody, data, place, return_state=True)

    _start(asks_nobody, data, load, asks_model=False, calls_apis=False)


def start_evaluate_retrievers(config: Config, data: Path) -> None:
    """Measures retrievers on the instructions of a data folder.  Raises what stopped it."""
    check_data_set(data)

    def load() -> RunFlow:
        from flows.evaluate_retrievers import evaluate_retrievers

        return lambda reachable: evaluate_retrievers(reachable, data, return_state=True)

    _start(_asking_for_vectors(config), data, load, asks_model=False, calls_apis=False)


def start_embed(config: Config, data: Path) -> None:
    """Encodes the kept APIs of a data folder.  Raises what stopped it."""
    check_data_set(data)

    def load() -> RunFlow:
        from flows.embed_apis import embed_apis, require_model

        require_model(config.retriever, data)
        return lambda reachable: embed_apis(reachable, data, return_state=True)

    _start(_asking_for_vectors(config), data, load, asks_model=False, calls_apis=False)


def _asking_for_vectors(config: Config) -> Config:
    """Nobody else is asked: a sandbox is not served unless its teacher makes the vectors."""
    if config.retriever.model == ENDPOINT:
        return config
    return config.model_copy(update={"sandbox": SandboxParams()})


def start_train_retriever(config: Config, data: Path) -> None:
    """Trains a retriever on the instructions of a data folder.  Raises what stopped it."""
    check_data_set(data)
    require_extra()
    folder_of(config.retriever.base)
    asks_nobody = config.model_copy(update={"sandbox": SandboxParams()})

    def load() -> RunFlow:
        from flows.evaluate_retrievers import train_retriever

        return lambda _: train_retriever(asks_nobody, data, return_state=True)

    _start(asks_nobody, data, load, asks_model=False, calls_apis=False)


def start_train(config: Config, data: Path) -> None:
    """Trains a chat model on the searches of a data folder.  Raises what stopped it."""
    check_data_set(data)
    _check_training(config, data)
    asks_nobody = config.model_copy(update={"sandbox": SandboxParams()})

    def load() -> RunFlow:
        from flows.train_model import train_model

        return lambda _: train_model(asks_nobody, data, return_state=True)

    _start(asks_nobody, data, load, asks_model=False, calls_apis=False)


def start_loop(config: Config, data: Path) -> None:
    """Runs the whole loop and prints the table at its end.  Raises what stopped it."""
    check_folder(data)
    chosen_server(config.loop.server, _check_training(config, data), has_gpu=has_gpu())

    def load() -> RunFlow:
        from flows.close_the_loop import close_the_loop

        return lambda reachable: close_the_loop(reachable, data, return_state=True)

    _start(config, data, load, asks_judge=True)


def _check_training(config: Config, data: Path) -> Path:
    """The base's folder.  Raises `UsageError` where nothing can be trained from it."""
    require_train_extra()
    folder = folder_of_base(config.train.base, data / "bases")
    shown = shown_by(folder, config.train.template)
    require_learnable(config.train, shown)
    if shown.note is not None:
        say(shown.note)
    return folder


def start_label(config: Config, data: Path, file: Path) -> None:
    """Reads people's labels into a data folder and prints what came of it.  Raises `UsageError`."""
    check_data_set(data)
    check_labels(data, file)
    asks_nobody = config.model_copy(update={"sandbox": SandboxParams()})

    def load() -> RunFlow:
        from flows.evaluate_annotations import label_answers

        return lambda _: label_answers(asks_nobody, data, file, return_state=True)

    _start(asks_nobody, data, load, asks_model=False, calls_apis=False)


def write_label_sheet(data: Path, n: int) -> None:
    """Writes a sheet of n answers for people to label, and says where.  Raises `UsageError`."""
    from flows.reporting.label_sheet import write_sheet
    from flows.text.agreement import agreement_lines

    check_data_set(data)
    sheet = write_sheet(data, n)
    fewer = "" if sheet.n == n else f" (all that nobody has labelled; {n:,} were wanted)"
    say(f"{sheet.n:,} of {sheet.n_left:,} answers to label{fewer}:")
    say(f"  {sheet.page}  (a browser opens it; its button saves a CSV)")
    say(f"  {sheet.table}  (the same, to fill in by hand)")
    say(f"then  {command(data, 'evaluate --labels FILE')}")
    for line in agreement_lines(data):
        say(line)


def check_labels(data: Path, file: Path) -> None:
    """Raises `UsageError` for a file of labels that cannot be used whole."""
    shown = manifest.newest(data)
    tables = {} if shown is None else shown.tables
    there = (tables.get(INSTRUCTIONS.name, ()), tables.get(ANNOTATIONS.name, ()))
    read_labels(file, answers_of(Store(data), *there))


def _start(
    config: Config,
    data: Path,
    load: Callable[[], RunFlow],
    *,
    asks_model: bool = True,
    asks_judge: bool = False,
    calls_apis: bool = True,
) -> None:
    """load: imports the flow, which must not happen before Prefect's settings are made."""
    check_folder(data)
    if asks_model or asks_judge or calls_apis:
        check_settings(config, asks_model=asks_model, asks_judge=asks_judge)
    prepare_environment(data, verbose=voice() is Voice.VERBOSE)
    server = own_server_unless_configured(data)
    # What takes seconds goes on while the server starts: the sandbox, the endpoint's check, the imports.
    with open_sandbox(config, data) as reachable:
        for llm in reachable.endpoints(asks_model=asks_model, asks_judge=asks_judge):
            _check_endpoint(llm)
        with chdir(NEUTRAL):
            run_flow = load()
        if server is not None:
            say("starting a Prefect server for the time of the run (PREFECT_API_URL is not set) ...")
            server.wait()
            say(f"Prefect UI: {server.url}")
        with named_when_gone(server):
            state = run_flow(reachable)
            result: Outcome | BaseException = state.result(raise_on_failure=False)
            if server is not None:
                _keep_records(server, state.state_details.flow_run_id, result)
            if isinstance(result, BaseException):
                raise result


def check_data_set(data: Path, *, otherwise: str = "") -> None:
    """Raises `UsageError` where no run has written anything yet, before anything is started there."""
    if manifest.latest(data) is None:
        raise UsageError(
            f"there is no data set in {data}",
            fix=f"run `toolloom refresh`, {otherwise}or name another folder with --data",
        )


def check_folder(data: Path) -> None:
    """Raises `UsageError` for a folder that is not ours, busy, not writable, damaged or of a later format."""
    refuse_foreign(data)
    require_free(data)  # the flow takes it for good
    manifest.latest(data)
    manifest.crashed_run(data)


def check_settings(config: Config, *, asks_model: bool = True, asks_judge: bool = False) -> None:
    """Raises `UsageError` for caps that could not be kept, and for an endpoint, keys, files and libraries
    that are not there.
    """
    if config.sandbox.serve:
        require_libraries()
    if config.llm in config.endpoints(asks_model=asks_model, asks_judge=asks_judge):
        config.require_model()
    refuse_uncountable(config.budget, config.asked_by_stage(asks_model=asks_model, asks_judge=asks_judge))
    Credentials.from_environment(config.calling.key_names)
    toolbench_key(config.calling)
    for source in config.catalogue.sources:
        check_on_this_machine(source)


def _check_endpoint(llm: LlmParams) -> None:
    """Finds a wrong address, key or model before anything is started."""

    async def check() -> None:
        async with Endpoint(llm) as endpoint:
            await endpoint.check()
            if llm.batch:
                await BatchApi(endpoint.client).check()

    with Runtime() as runtime:
        runtime.run(check())


def _keep_records(server: OwnServer, flow_run_id: UUID | None, result: Outcome | BaseException) -> None:
    """Waits until our server has recorded every task run, since stopping it would lose the rest."""
    if flow_run_id is None:
        return
    expected = None if isinstance(result, BaseException) else result.n_task_runs
    missing = wait_for_records(f"{server.url}/api", flow_run_id, expected)
    if missing:
        say(f"warning: the Prefect server has not recorded {missing} task runs yet; the data is not affected")
