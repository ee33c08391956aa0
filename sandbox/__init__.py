"""The embedded offline world: a hub of real HTTP APIs and a teacher that speaks the OpenAI protocol."""
