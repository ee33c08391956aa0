"""One event loop, one HTTP client, one guard: how anything here talks to the network."""
