"""`toolloom sandbox`: the offline world without a pipeline."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from flows.supervise import PYTHON


def sandbox(
    hub_port: Annotated[int, typer.Option(help="0: any free port.")] = 8801,
    teacher_port: Annotated[int, typer.Option(help="0: any free port.")] = 8802,
    fault_rate: Annotated[float, typer.Option(help="Multiplies the teacher's fault rates.")] = 1.0,
) -> None:
    """Serve the sandbox on its own: the hub for a browser or curl, the teacher for any OpenAI client."""
    arguments = ["--hub-port", str(hub_port), "--teacher-port", str(teacher_port)]
    os.execv(  # noqa: S606 - our own module, no shell
        PYTHON[0],
        [*PYTHON, "sandbox.serve", *arguments, "--fault-rate", str(fault_rate)],
    )
