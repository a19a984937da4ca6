"""What the page of an incident says: pure, frozen, and without a browser."""

from watchkeeper.server.pages.incident.view.page import Page, page_of

__all__ = ["Page", "page_of"]
