"""Measurements of speed and memory; `python -m benchmarks.run` writes docs/benchmarks.md."""
