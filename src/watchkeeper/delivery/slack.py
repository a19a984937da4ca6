"""Notices to a Slack channel by an incoming webhook, which takes messages and answers no question about them."""

from collections.abc import Callable, Mapping

import httpx

from watchkeeper.delivery import markup
from watchkeeper.delivery.planning import CHANNELS
from watchkeeper.delivery.retrying import Quickly
from watchkeeper.domain import Parcel, Receipt, Severity
from watchkeeper.drafts import escaping
from watchkeeper.errors import DeliveryFailed, DeliveryRefused, DeliveryUncertain

CONNECT_SECONDS = 5.0
_HEADER = 140
"""Characters of a headline; Slack takes 150."""
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class SlackTarget:
    """One incoming webhook. Its URL is a secret: no message of ours repeats it."""

    can_find = False
    settles_seconds = 0.0

    def __init__(
        self,
        webhook: str,
        channels: Mapping[Severity, str],
        timeout_seconds: float,
        page_of: Callable[[str], str | None] = lambda _: None,
        quickly: Quickly | None = None,
    ) -> None:
        self._webhook, self._channels, self._page_of = webhook, channels, page_of
        self._timeout = httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))
        self._quickly = quickly or Quickly()

    def find(self, parcel: Parcel, ticket: str | None) -> Receipt | None:
        """A webhook cannot be asked."""
        raise LookupError("a Slack webhook cannot be asked what it took")

    def deliver(self, parcel: Parcel, ticket: str | None) -> Receipt:
        """Post the notice; what broke off after it was sent is uncertain."""
        message = self._message(parcel)
        try:
            answer = self._quickly(
                lambda: httpx.post(self._webhook, json=message, timeout=self._timeout, follow_redirects=False),
                lambda error: isinstance(error, _NEVER_SENT),
            )
        except _NEVER_SENT:
            raise DeliveryFailed("Slack could not be reached") from None
        except httpx.InvalidURL:
            raise DeliveryRefused("the Slack webhook in the environment is not a URL") from None
        except httpx.HTTPError:
            raise DeliveryUncertain("Slack was sent the notice and did not answer: it may have arrived") from None
        return _receipt(answer)

    def _message(self, parcel: Parcel) -> dict[str, object]:
        title = escaping.plain(parcel.title, _HEADER) or parcel.incident_id
        blocks: list[dict[str, object]] = [
            {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}},
            _section(markup.slack(_without_title(parcel.text))),
        ]
        if page := self._page_of(parcel.incident_id):
            blocks.append(_section(markup.slack(f"<{page}>")))
        if words := self._for(parcel):
            blocks.append({"type": "context", "elements": [_text(escaping.slack(words, _HEADER))]})
        # Shown in notifications, and where blocks are not.
        fallback = escaping.slack(f"{parcel.severity or ''} {parcel.incident_id}: {title}")
        return {"text": fallback, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}

    def _for(self, parcel: Parcel) -> str:
        named = (self._channels.get(parcel.severity) if parcel.severity else "") or str(parcel.fields.get(CHANNELS, ""))
        return f"For {named}" if named else ""


def _receipt(answer: httpx.Response) -> Receipt:
    if answer.is_success:
        return Receipt()
    text = answer.headers.get("Retry-After", "")
    said = escaping.plain(answer.text, _HEADER)
    if answer.status_code == 429 or answer.status_code >= 500:
        wait = float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0
        raise DeliveryFailed(f"Slack cannot take it now ({answer.status_code})", wait)
    raise DeliveryRefused(f"Slack does not take it ({answer.status_code}): {said}")


def _without_title(text: str) -> str:
    """The draft without its first line where that is its title: the headline says it."""
    first, _, rest = text.partition("\n")
    return rest if first.startswith(("# ", "**")) and rest.strip() else text


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> dict[str, object]:
    # verbatim: names and addresses in it stay text.
    return {"type": "mrkdwn", "text": text.strip() or " ", "verbatim": True}
