"""Tickets in Jira, Cloud and Server: found before they are made, commented on while they are open, resolved."""

import threading
from collections.abc import Callable
from typing import TypeVar

import requests
from jira import JIRA, JIRAError

from watchkeeper.delivery import markup, policy
from watchkeeper.delivery.jira_fields import BROKEN_OFF, fields_of, refusal, was_never_sent
from watchkeeper.delivery.retrying import Quickly
from watchkeeper.delivery.target import mark
from watchkeeper.domain import Parcel, Receipt
from watchkeeper.drafts import escaping
from watchkeeper.errors import DeliveryFailed, DeliveryRefused

CONNECT_SECONDS = 5.0
COMMENTS = 1000
"""How many comments of one ticket are looked through for one of ours."""

Answer = TypeVar("Answer")


class JiraTarget:
    """One project of one Jira.

    A ticket has a label that is its incident's own, a comment ends in its key: by these they are found again, so
    that whatever was sent before is not sent twice. Nothing is repeated by the client library itself.
    """

    can_find = True

    def __init__(
        self,
        settings: policy.Jira,
        token: str,
        page_of: Callable[[str], str | None] = lambda _: None,
        quickly: Quickly | None = None,
    ) -> None:
        self._settings, self._token, self._page_of = settings, token, page_of
        self._quickly = quickly or Quickly()
        self._lock = threading.Lock()
        self._opened: JIRA | None = None
        # Cloud's search answers from an index that follows after a while.
        self.settles_seconds = 30.0 if settings.flavour == "cloud" else 5.0

    def find(self, parcel: Parcel, ticket: str | None) -> Receipt | None:
        """The ticket with the label, the comment with the key, or the ticket where it is resolved and says so."""
        if parcel.kind == "ticket":
            return self._ticket(parcel)
        key = _needed(parcel, ticket)
        comment = self._comment(parcel, key)
        if comment is None or (parcel.kind == "transition" and self._way_out(key) is not None):
            return None
        return self._receipt(key, comment, was_there=True)

    def deliver(self, parcel: Parcel, ticket: str | None) -> Receipt:
        """Make the ticket, or add to it."""
        if parcel.kind == "ticket":
            return self._ticket(parcel) or self._made(parcel)
        if parcel.kind not in ("comment", "transition"):
            raise DeliveryRefused(f"{parcel.key}: Jira takes tickets, comments and transitions, not a {parcel.kind}")
        key = _needed(parcel, ticket)
        comment = self._comment(parcel, key)
        was_there = comment is not None
        if comment is None:
            text = f"{markup.jira(parcel.text)}\n{escaping.jira_wiki(_marker(parcel))}"
            comment = str(self._once(lambda jira: jira.add_comment(key, text)).id)
        if parcel.kind == "transition" and (transition := self._way_out(key)) is not None:
            self._once(lambda jira: jira.transition_issue(key, transition))
            was_there = False
        return self._receipt(key, comment, was_there)

    def _ticket(self, parcel: Parcel) -> Receipt | None:
        query = f'project = "{self._settings.project}" AND labels = "{mark(parcel)}" ORDER BY created ASC'
        found = self._asked(lambda jira: jira.search_issues(query, maxResults=1, fields="summary"))
        if not found:
            return None
        self._link(found[0].key, parcel)
        return self._receipt(found[0].key, None, was_there=True)

    def _made(self, parcel: Parcel) -> Receipt:
        fields = fields_of(parcel, self._settings, self._page_of(parcel.incident_id))
        issue = self._once(lambda jira: jira.create_issue(fields=fields, prefetch=False))
        self._link(issue.key, parcel)
        return self._receipt(issue.key, None, was_there=False)

    def _link(self, key: str, parcel: Parcel) -> None:
        """A link to our page beside the ticket; the description has it already, so one that is refused is none."""
        page = self._page_of(parcel.incident_id)
        if page is None:
            return
        try:
            links = self._asked(lambda jira: jira.remote_links(key))
            if all(link.raw["object"]["url"] != page for link in links):
                title = f"{parcel.incident_id} in watchkeeper"
                self._once(lambda jira: jira.add_simple_link(key, {"url": page, "title": title}))
        except DeliveryFailed:
            return

    def _comment(self, parcel: Parcel, key: str) -> str | None:
        """The id of the comment that ends in the parcel's key."""
        marker = _marker(parcel)
        comments = self._asked(lambda jira: jira.comments(key, max_results=COMMENTS, order_by="-created"))
        return next((str(each.id) for each in comments if _unescaped(each.body).endswith(marker)), None)

    def _way_out(self, key: str) -> str | None:
        """The id of the transition that resolves it; None where it is resolved, or nothing of that name leads on."""
        wanted = self._settings.resolve.casefold()
        if not wanted:
            return None
        issue = self._asked(lambda jira: jira.issue(key, fields="status"))
        if issue.raw["fields"]["status"].get("statusCategory", {}).get("key") == "done":
            return None
        ways = self._asked(lambda jira: jira.transitions(key))
        named = (way for way in ways if wanted in (way["name"].casefold(), way["to"]["name"].casefold()))
        return next((str(way["id"]) for way in named), None)

    def _receipt(self, key: str, comment: str | None, was_there: bool) -> Receipt:
        link = f"{self._settings.base_url}/browse/{key}"
        at = f"?focusedCommentId={comment}" if comment else ""
        return Receipt(reference=key, link=f"{link}{at}", was_there=was_there)

    def _asked(self, ask: Callable[[JIRA], Answer]) -> Answer:
        """The answer to a question, which may be asked again."""
        return self._told(ask, lambda error: isinstance(error, BROKEN_OFF) or was_never_sent(error))

    def _once(self, act: Callable[[JIRA], Answer]) -> Answer:
        """The answer to what changes something: repeated only where it provably never left."""
        return self._told(act, was_never_sent)

    def _told(self, call: Callable[[JIRA], Answer], is_safe: Callable[[BaseException], bool]) -> Answer:
        try:
            return self._quickly(lambda: call(self._client()), is_safe)
        except JIRAError as error:
            # Not chained: the library's error repeats headers and bodies.
            raise refusal(error, self._settings) from None
        except (requests.RequestException, ValueError) as error:
            what = "could not be reached" if was_never_sent(error) else "did not give a whole answer in time"
            raise DeliveryFailed(f"Jira at {self._settings.base_url} {what}") from None

    def _client(self) -> JIRA:
        with self._lock:
            if self._opened is None:
                settings = self._settings
                is_cloud = settings.flavour == "cloud"
                self._opened = JIRA(
                    server=settings.base_url,
                    basic_auth=(settings.email, self._token) if is_cloud else None,
                    token_auth=None if is_cloud else self._token,
                    get_server_info=True,
                    max_retries=0,
                    timeout=(min(CONNECT_SECONDS, settings.timeout_seconds), settings.timeout_seconds),
                    logging=False,
                )
            return self._opened


def _needed(parcel: Parcel, ticket: str | None) -> str:
    if ticket is None:
        raise DeliveryFailed(f"{parcel.key} goes onto a ticket, and {parcel.incident_id} has none yet")
    return ticket


def _marker(parcel: Parcel) -> str:
    return f"[{parcel.key}]"


def _unescaped(body: str) -> str:
    # Cloud keeps comments in a format of its own, and answers with escapes of its own.
    return body.replace("\\", "").rstrip()
