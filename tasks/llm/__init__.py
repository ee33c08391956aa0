"""The model endpoint: asking, storing, accounting."""
