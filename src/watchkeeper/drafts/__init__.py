"""Assignment or Report to Draft: text for other people, with every number filled in by code."""
