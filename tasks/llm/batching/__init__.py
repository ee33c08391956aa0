"""Asking in batches: files of requests that the endpoint answers within a day, at a lower price."""
