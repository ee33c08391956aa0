"""Writing, screening and selecting instructions."""
