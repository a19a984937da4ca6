"""The configured endpoint as a client: which models it has, and how LangChain's ChatOpenAI is set up for it."""

import json
import time
import warnings
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import httpx2
import openai
from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from watchkeeper import redaction, settings
from watchkeeper.agents import address, roles
from watchkeeper.agents.address import NO_KEY, Address
from watchkeeper.agents.client import Client, OnToken, Terms
from watchkeeper.agents.failures import FOREIGN, failure, persist
from watchkeeper.agents.meter import NOTHING, Limits, Meter, Spent
from watchkeeper.agents.outbound import Clean
from watchkeeper.agents.roles import ROLES, ModelTable, Role
from watchkeeper.agents.ways import FILE_NAME, Ways
from watchkeeper.agents.wire import open_http, timeout
from watchkeeper.errors import ModelUnavailable
from watchkeeper.settings import Settings

COUNTS = ("prompt_tokens", "completion_tokens")
MOST_OFFERED = 12
"""So many model names are listed in a message."""


def open_client(
    settings: Settings,
    *,
    already: Spent = NOTHING,
    on_token: OnToken | None = None,
    limits: Limits | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Client:
    """A client for the endpoint of the settings; `already` is what an earlier part of the same run has taken.

    Asks the endpoint only where no model is named. Raises ModelUnavailable where no model is configured or the
    endpoint offers none or several, ConfigError for what is set wrongly.
    """
    where, table = address.of(settings.model), roles.load(settings.home)
    meter = Meter(limits or Limits.of(settings.model), already, table.prices, clock)
    http = open_http(where, meter.require_time)
    try:
        names = names_of_roles(
            settings.model,
            table,
            lambda: persist(
                partial(offered, where, http, settings.model.request_timeout_seconds),
                settings.model.attempts,
                lambda: meter.seconds_left,
                sleep,
            ),
        )
    except BaseException:
        http.close()
        raise
    _silence_libraries()
    return Client(
        models=cache(partial(_chat_model, settings.model, where, http)),
        names=names,
        meter=meter,
        clean=clean_of(settings.redaction),
        address=where,
        terms=terms_of(settings.model, where),
        ways=Ways(settings.home / FILE_NAME),
        on_token=on_token,
        sleep=sleep,
        on_close=http.close,
    )


def clean_of(chosen: settings.Redaction) -> Clean:
    """What takes secrets out of texts that leave, by the settings."""
    if not chosen.enabled:
        return str
    return partial(redaction.redact, ip_addresses=chosen.ip_addresses, extra_patterns=chosen.extra_patterns)


def terms_of(model: settings.Model, where: Address) -> Terms:
    """How the endpoint is asked, by the settings."""
    return Terms(
        attempts=model.attempts,
        request_timeout_seconds=model.request_timeout_seconds,
        output_tokens=model.output_tokens,
        context_tokens=model.context_tokens,
        # Servers of one's own often know the older name only; OpenAI's newer models refuse it.
        length_parameter="max_completion_tokens" if where.is_openai else "max_tokens",
        structured=model.structured,
    )


def names_of_roles(
    model: settings.Model, table: ModelTable, offers: Callable[[], tuple[str, ...]]
) -> Mapping[Role, str]:
    """The model's name for each role: the table's, else the settings', else the only one that is offered."""
    named = {role: table.roles.get(role, model.name) for role in ROLES}
    if all(named.values()):
        return named
    only = _the_only(offers())
    return {role: name or only for role, name in named.items()}


def offered(where: Address, http: httpx2.Client, seconds: float) -> tuple[str, ...]:
    """The names of the models that the endpoint offers; raises ModelUnavailable where it does not tell."""
    try:
        with_key = openai.OpenAI(base_url=where.url, api_key=where.key or NO_KEY, http_client=http, max_retries=0)
        return tuple(str(model.id) for model in with_key.models.list(timeout=timeout(seconds)).data or ())
    except FOREIGN as error:
        raise failure(error, where, seconds) from None


def _the_only(names: tuple[str, ...]) -> str:
    match names:
        case (name,):
            return name
        case ():
            raise ModelUnavailable("the endpoint offers no model: load one there, or set model.name")
    more = f" and {len(names) - MOST_OFFERED} more" if len(names) > MOST_OFFERED else ""
    raise ModelUnavailable(f"no model is chosen: set model.name to one of {', '.join(names[:MOST_OFFERED])}{more}")


def _chat_model(model: settings.Model, where: Address, http: httpx2.Client, name: str) -> BaseChatModel:
    return _Endpoint(
        model=name,
        base_url=where.url,
        api_key=SecretStr(where.key or NO_KEY),
        temperature=model.temperature,
        max_retries=0,
        stream_usage=True,
        use_responses_api=False,
        http_client=http,
        # Otherwise read from the environment, where it is refused beside a client of one's own.
        openai_proxy=None,
    )


class _Endpoint(ChatOpenAI):
    """ChatOpenAI for endpoints that are only nearly compatible."""

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], default_chunk_class: type, base_generation_info: dict[str, Any] | None
    ) -> ChatGenerationChunk | None:
        counted = chunk.get("usage")
        if not isinstance(counted, dict) or not all(isinstance(counted.get(name), int) for name in COUNTS):
            chunk["usage"] = None
        choices = chunk.get("choices") or [{}]
        delta = choices[0].get("delta") or {}
        if delta:
            # Whoever else it names, a reply is the assistant's; a second role would be added to the first.
            delta["role"] = "assistant"
        for number, call in enumerate(delta.get("tool_calls") or ()):
            # Without an index the library drops the call.
            if call.get("index") is None:
                call["index"] = number
            function = call.get("function") or {}
            if isinstance(function.get("arguments"), dict):
                function["arguments"] = json.dumps(function["arguments"])
        made = super()._convert_chunk_to_generation_chunk(chunk, default_chunk_class, base_generation_info)
        if made is not None and delta.get("refusal"):
            # The library reads refusals only where nothing is streamed.
            made.message.additional_kwargs["refusal"] = delta["refusal"]
        return made


def _silence_libraries() -> None:
    """Warnings of the libraries about an endpoint are for programmers; what follows from them we say ourselves."""
    warnings.filterwarnings("ignore", message=".*[Ss]tructured [Oo]utput", module="langchain_openai")
    warnings.filterwarnings("ignore", message="Pydantic serializer warnings")
