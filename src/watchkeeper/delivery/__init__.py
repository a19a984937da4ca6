"""Approved texts to where people are: tickets, channels, files; each once."""
