"""MCP servers: started once, shared by all, restarted when they die, always stopped."""
