"""The revisions, `rNNNN_what.py`; a revision that has shipped is not changed any more."""
