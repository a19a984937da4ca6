"""A foreign system to watch: a small real shop, its load, and ways to break it on purpose."""
