"""From files of other tools to rows of searches."""
