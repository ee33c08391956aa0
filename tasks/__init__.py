"""Stages as Prefect tasks (`tasks/<verb>.py`) over the domain (`tasks/<noun>/`), which knows nothing of Prefect."""
