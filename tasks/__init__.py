"""Stages as Prefect tasks (`tasks/<verb>.py`) over the domain (`tasks/<noun>/`), free of Prefect."""
