"""A worker beside the server: it carries out workflows on a shared database, and does nothing else."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from watchkeeper.assembly import planning
from watchkeeper.assembly.books import Books
from watchkeeper.assembly.delivering import delivery_policy
from watchkeeper.assembly.on_duty import conductor_of
from watchkeeper.assembly.sources import Say, with_prometheus
from watchkeeper.assembly.steps import IncidentSteps
from watchkeeper.domain import IncidentId
from watchkeeper.errors import ConfigError
from watchkeeper.settings import Settings
from watchkeeper.telemetry.sources import Sources
from watchkeeper.workflows.identity import worker_name


@contextmanager
def at_work(settings: Settings, store: Sources, say: Say, name: str | None = None) -> Iterator[str]:
    """Carry out workflows from `with` on, under the name that it answers; what is approved, the server delivers.

    Raises ConfigError for configuration that cannot be read, RecordsUnavailable where nothing can be kept.
    """
    with ExitStack() as stack:
        books = Books(settings)
        stack.callback(books.close)
        known = stack.enter_context(worker_name(settings.home, name))

        policy = delivery_policy(settings)

        def plan(incident_id: IncidentId) -> int:
            return planning.plan_and_put(policy, books, incident_id)

        sources = with_prometheus(settings, store)
        steps = IncidentSteps(settings, sources, lambda: books.records, say, plan_and_put=plan)
        stack.enter_context(conductor_of(settings, steps, books, known)).launch()
        yield known


def require_shared(settings: Settings) -> None:
    """Raise ConfigError unless records and workflows are in PostgreSQL: a file belongs to one process."""
    for key, place in (("records.url", settings.records_place), ("workflows.url", settings.workflows_place)):
        if not str(place).startswith("postgres"):
            raise ConfigError(f"{key}: a worker shares its work with others, expected postgresql://USER@HOST/DATABASE")
