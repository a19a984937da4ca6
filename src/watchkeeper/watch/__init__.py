"""Our own eyes: what is wrong right now, as signals."""
