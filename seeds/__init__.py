"""Seed examples, written by hand."""
