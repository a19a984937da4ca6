"""Incident and evidence to a ranked, concluded Diagnosis. No framework, no model."""
