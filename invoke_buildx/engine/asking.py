"""Many questions at once over a few kept connections."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

CONNECTIONS = 8
FEW = 3  # questions that are asked faster one by one than by threads
Key = TypeVar("Key")
Found = TypeVar("Found")


def ask_all(ask: Callable[[Any], Found], questions: Mapping[Key, Any]) -> dict[Key, Found]:
    """The answer to each question, side by side where there are many."""
    if len(questions) <= FEW:
        return {key: ask(value) for key, value in questions.items()}
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return dict(zip(questions, pool.map(ask, questions.values()), strict=True))
