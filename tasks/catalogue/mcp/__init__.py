"""MCP servers as a catalogue source: a server is a tool, each of its tools an API."""
