"""JSON and text within a token budget: counting, cutting, projecting on a shape."""
