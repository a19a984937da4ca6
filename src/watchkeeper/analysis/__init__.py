"""Numbers to findings: pure functions over Arrow and numpy; no I/O, no clock, no model."""
