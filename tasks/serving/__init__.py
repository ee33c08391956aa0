"""Serving a trained model: its chat template, its file for llama.cpp, and what a base is made of."""
