"""How often the diagnoses were right: verdicts over records, to figures."""
