"""Finding the APIs that an instruction needs, among all of a catalogue."""
