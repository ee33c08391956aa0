"""Prompts: whole texts, loaded by name."""
