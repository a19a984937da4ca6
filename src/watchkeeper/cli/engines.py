"""The options that say who diagnoses: the rules alone, or a language model after them."""

from typing import Annotated, Literal

import typer

Engine = Annotated[
    Literal["rules", "model"], typer.Option(help="model: a language model looks further once the rules are done.")
]
Graph = Annotated[
    Literal["single", "specialists"] | None, typer.Option(help="How the model works; else as model.graph says.")
]
