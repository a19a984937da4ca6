"""Approved drafts to files, Jira, Slack and mail: found before they are made, each once."""
