"""The frame of a stage: what one is, how it is run, cached and counted, and what its tasks share."""
