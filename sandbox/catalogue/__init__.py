"""The tools the sandbox hub offers."""
