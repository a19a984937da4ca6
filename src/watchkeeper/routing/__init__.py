"""Diagnosis to Assignment: how severe it is, and whose it is, by rules that a person can read."""
