"""ToolBench's published formats as a catalogue source: a `tools/` folder, query files."""
