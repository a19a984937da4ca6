"""Texts as vectors from the configured endpoint, redacted before they leave."""

import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from langchain_openai import OpenAIEmbeddings
from numpy.typing import NDArray
from pydantic import SecretStr

from watchkeeper.agents import address
from watchkeeper.agents.address import NO_KEY, Address
from watchkeeper.agents.client import untraced
from watchkeeper.agents.endpoint import clean_of
from watchkeeper.agents.failures import FOREIGN, failure, persist
from watchkeeper.agents.outbound import Clean
from watchkeeper.agents.wire import open_http
from watchkeeper.errors import ConfigError, ModelUnavailable
from watchkeeper.settings import Settings

BATCH_TEXTS = 64
LONGEST_TEXT = 8000
"""Characters of one text that are sent; models of embeddings read about so much."""
NOTHING = " "
"""What is sent for an empty text, which endpoints refuse."""

Vectors = NDArray[np.float32]


@dataclass(eq=False)
class EndpointEmbedder:
    """What gives vectors for texts. To be closed, or used in `with`."""

    model: OpenAIEmbeddings
    address: Address
    clean: Clean
    attempts: int
    timeout_seconds: float
    on_close: Callable[[], None]
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._finalizer = weakref.finalize(self, self.on_close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection; again is harmless."""
        self._finalizer()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, shape (n, dimensions), as the endpoint gives them; raises ModelUnavailable."""
        batches = [texts[start : start + BATCH_TEXTS] for start in range(0, len(texts), BATCH_TEXTS)]
        rows = [row for batch in batches for row in self._vectors(batch)]
        try:
            array = np.array(rows, dtype=np.float32).reshape(len(texts), -1) if rows else np.zeros((0, 0), np.float32)
        except ValueError as error:
            raise ModelUnavailable(f"the embeddings of {self.address.shown} are not all of one length") from error
        if array.shape[0] and not (array.shape[1] and np.isfinite(array).all()):
            raise ModelUnavailable(f"the embeddings of {self.address.shown} hold what is no number")
        return array

    def _vectors(self, texts: Sequence[str]) -> list[list[float]]:
        cleaned = [self.clean(text)[:LONGEST_TEXT] or NOTHING for text in texts]
        with untraced():
            rows = persist(lambda: self._attempt(cleaned), self.attempts, lambda: float("inf"), self.sleep)
        if len(rows) != len(texts):
            raise ModelUnavailable(f"{self.address.shown} gave {len(rows)} embeddings for {len(texts)} texts")
        return rows

    def _attempt(self, texts: list[str]) -> list[list[float]]:
        try:
            return self.model.embed_documents(texts)
        except FOREIGN as error:
            raise failure(error, self.address, self.timeout_seconds) from None


def open_embedder(settings: Settings, *, sleep: Callable[[float], None] = time.sleep) -> EndpointEmbedder:
    """The endpoint's embeddings, by the settings.

    Raises ModelUnavailable where no endpoint is configured, ConfigError where no model of embeddings is named.
    """
    where, model = address.of(settings.model), settings.model
    if not settings.knowledge.embedding_model:
        raise ConfigError("knowledge.embedding_model: is empty, expected the name of the endpoint's embedding model")
    http = open_http(where, lambda: None)
    embeddings = OpenAIEmbeddings(
        model=settings.knowledge.embedding_model,
        openai_api_base=where.url,
        openai_api_key=SecretStr(where.key or NO_KEY),
        # Otherwise texts are sent as numbers of OpenAI's own tokens, which only OpenAI understands.
        check_embedding_ctx_length=False,
        chunk_size=BATCH_TEXTS,
        max_retries=0,
        request_timeout=model.request_timeout_seconds,
        http_client=http,
        openai_proxy=None,
        openai_api_type=None,
    )
    return EndpointEmbedder(
        model=embeddings,
        address=where,
        clean=clean_of(settings.redaction),
        attempts=model.attempts,
        timeout_seconds=model.request_timeout_seconds,
        on_close=http.close,
        sleep=sleep,
    )
