"""Documentation and responses within a token budget."""
