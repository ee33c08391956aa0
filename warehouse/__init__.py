"""Tables, files, manifests and SQL.  Knows nothing of what fills them."""
