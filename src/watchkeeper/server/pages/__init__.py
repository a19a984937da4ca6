"""The pages: what is wrong now, one incident, how often we were right."""
