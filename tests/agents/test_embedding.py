"""Texts as vectors from an endpoint: redacted, in batches, and what goes wrong in one sentence."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_endpoint import Answer, made_endpoint, refusing, saying, send_json, settings_for
from watchkeeper.agents.embedding import BATCH_TEXTS, open_embedder
from watchkeeper.errors import ConfigError, ModelUnavailable
from watchkeeper.settings import Settings


@pytest.fixture(autouse=True)
def no_variables_of_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OPENAI")]:
        monkeypatch.delenv(name)


def lengths(handler: Any, body: dict[str, Any]) -> None:
    """Vectors that tell the length of each text."""
    data = [{"object": "embedding", "index": i, "embedding": [len(t), 1.0]} for i, t in enumerate(body["input"])]
    send_json(
        handler, 200, {"object": "list", "data": data, "model": "e", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    )


def vectors(*rows: list[float]) -> Answer:
    data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)]
    return saying(json.dumps({"object": "list", "data": data, "model": "e"}), "application/json")


def chosen(home: Path, base_url: str) -> Settings:
    settings = settings_for(home, base_url)
    knowledge = settings.knowledge.model_copy(update={"embedding": "endpoint", "embedding_model": "embedder"})
    return settings.model_copy(update={"knowledge": knowledge})


def embedded(home: Path, texts: list[str], *answers: Answer) -> np.ndarray:
    with (
        made_endpoint(*answers) as endpoint,
        open_embedder(chosen(home, endpoint.base_url), sleep=lambda _: None) as one,
    ):
        return one.embed(texts)


def test_every_text_has_a_row(home: Path) -> None:
    assert embedded(home, ["a", "bcd"], lengths).tolist() == [[1.0, 1.0], [3.0, 1.0]]


def test_no_texts_ask_nothing(home: Path) -> None:
    assert embedded(home, []).shape[0] == 0


def test_many_texts_go_in_batches_and_stay_in_order(home: Path) -> None:
    texts = ["x" * n for n in range(1, BATCH_TEXTS + 3)]
    rows = embedded(home, texts, lengths, lengths)
    assert rows[:, 0].tolist() == [float(len(text)) for text in texts]


def test_secrets_do_not_leave(home: Path) -> None:
    with made_endpoint(lengths) as endpoint, open_embedder(chosen(home, endpoint.base_url)) as embedder:
        embedder.embed(["write to jane@shop.example", ""])
    assert endpoint.received[0].value["input"] == ["write to [redacted:email]", " "]


def test_a_rate_limit_is_tried_again(home: Path) -> None:
    assert embedded(home, ["a"], refusing(429), lengths).shape == (1, 2)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (refusing(404, "no such model"), "404"),
        (refusing(401), "wants a key"),
        (vectors([1.0]), "gave 1 embeddings for 2 texts"),
        (vectors([1.0], [1.0, 2.0]), "not all of one length"),
        (vectors([], []), "no number"),
        (saying("<html>"), "does not answer as an OpenAI-compatible endpoint"),
        (saying("{}", "application/json"), "does not answer as an OpenAI-compatible endpoint"),
    ],
)
def test_what_goes_wrong_is_a_sentence(home: Path, answer: Answer, sentence: str) -> None:
    with pytest.raises(ModelUnavailable, match=sentence):
        embedded(home, ["a", "b"], answer)


def test_an_endpoint_that_is_gone_is_told(home: Path) -> None:
    with made_endpoint() as gone:
        pass
    with (
        open_embedder(chosen(home, gone.base_url), sleep=lambda _: None) as embedder,
        pytest.raises(ModelUnavailable, match="cannot be reached"),
    ):
        embedder.embed(["a"])


def test_without_a_model_of_embeddings_it_stops(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"knowledge\.embedding_model"):
        open_embedder(settings_for(home, "http://127.0.0.1:1/v1"))
