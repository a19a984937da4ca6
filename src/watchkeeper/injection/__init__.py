"""Faults put into quiet telemetry, with their truth: a foreign system's trouble, made by rules of its own."""
