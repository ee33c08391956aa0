"""Finding out which APIs work, by calling them."""
