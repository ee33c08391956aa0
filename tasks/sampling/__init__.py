"""Drawing sets of APIs, stably."""
