"""Questions to Evidence: asks the sources, runs an analysis over what they say, and keeps what it saw."""
