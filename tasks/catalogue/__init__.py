"""Catalogue sources: where tools and APIs come from, and how they become rows."""
