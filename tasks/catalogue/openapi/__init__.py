"""OpenAPI documents as a catalogue source: 2.0, 3.0, 3.1, and 3.2 as far as it is the same."""
