"""What is known beforehand: runbooks, read from folders of Markdown, found by what is wrong, filled with its values."""

from watchkeeper.knowledge.embedding import Embedder
from watchkeeper.knowledge.queries import Query, query_for
from watchkeeper.knowledge.runbooks import Hit, Problem, Runbook, Section, Step
from watchkeeper.knowledge.shelf import Shelf, open_shelf

__all__ = ["Embedder", "Hit", "Problem", "Query", "Runbook", "Section", "Shelf", "Step", "open_shelf", "query_for"]
