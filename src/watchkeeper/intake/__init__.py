"""Alerts and questions to signals, signals to incidents."""
