"""What the texts say as fields, for systems that take fields; a figure's origin stands beside it as `<name>.from`."""

from collections.abc import Iterator

from watchkeeper.domain import Scalar
from watchkeeper.drafts.facts import Fact
from watchkeeper.drafts.story import Story


def fields_of(story: Story) -> dict[str, Scalar]:
    """What trackers and pages ask for, as far as it is known."""
    found: dict[str, Scalar] = {"status": story.head.status, "release": story.why.release}
    for name, fact in (*_case(story), *_cause(story), *_counted(story)):
        if fact is not None:
            found[name] = fact.value
            if fact.is_figure:
                found[f"{name}.from"] = fact.origin
    return found


def public_fields_of(story: Story) -> dict[str, Scalar]:
    """What a status page asks for: nothing internal."""
    found: dict[str, Scalar] = {"effect": story.impact.effect, "resolved": story.head.is_mended}
    if story.features:
        found["features"] = ", ".join(feature.plain for feature in story.features)
    for name, fact in (("since", story.impact.since), ("next_update", story.care.next_update)):
        if fact is not None:
            found[name] = fact.value
    return found


def _case(story: Story) -> Iterator[tuple[str, Fact | None]]:
    head, care = story.head, story.care
    yield from (("incident", head.incident), ("state", head.state), ("summary", head.headline))
    yield from (("severity", head.severity), ("priority", head.priority), ("service", head.place))
    yield from (("team", care.team), ("route", care.route), ("diagnosed_at", head.at), ("drafted_at", head.now))


def _cause(story: Story) -> Iterator[tuple[str, Fact | None]]:
    why = story.why
    if story.head.status == "diagnosed":
        top = why.causes[0]
        yield from (("cause", top.component), ("fault", top.fault), ("probability", top.probability))
        yield from (("change", top.change.id if top.change else None), ("dependency", top.dependency))
    yield from (("because", story.head.because), ("fix", why.fix), ("reproduction", why.reproduction))


def _counted(story: Story) -> Iterator[tuple[str, Fact | None]]:
    impact = story.impact
    yield from (("since", impact.since), ("observed_until", impact.until), ("lasted_seconds", impact.lasted))
    if impact.entry is not None:
        entry = impact.entry
        yield from (("counted_at", entry.service), ("requests", entry.requests), ("failed", entry.errors))
        yield from (("failed_percent", entry.percent), ("p95_ms", entry.p95), ("usual_p95_ms", entry.usual_p95))
    if impact.users is not None:
        yield from (("users_seen", impact.users.seen), ("users_affected", impact.users.affected))
    yield "detection_delay_seconds", story.response.delay
