"""Published data sets in their own layout, as tables and triggers; the truth comes through a function of its own."""
