"""Calling an API: arguments to request, request to response, response to outcome."""
