"""What is kept of cases: a database of one's own, SQLite or PostgreSQL."""
