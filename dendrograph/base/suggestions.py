"""Suggestions in messages: "did you mean", with the nearest known word, and lists of what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from dendrograph.base.errors import MOST_WORDS, clip


def did_you_mean(word: object, known: Iterable[str], kind: str = "known") -> str:
    """Name the nearest of the `known` words, if one is similar, and list all of them."""
    words = sorted(map(clip, known))
    # Words that differ only in capitals are the nearest; among several of those, the most similar spelling.
    by_form: dict[str, list[str]] = {}
    for one in words:
        by_form.setdefault(one.lower(), []).append(one)
    near = difflib.get_close_matches(str(word).lower(), by_form, n=1, cutoff=0.6)
    near = difflib.get_close_matches(str(word), by_form[near[0]], n=1, cutoff=0) if near else []
    allowed = f"{kind}: {listed(words)}"
    return f"did you mean '{near[0]}'? {allowed}" if near else allowed


def listed(words: Sequence[str]) -> str:
    """The words as messages list them, at most `MOST_WORDS`."""
    more = f" and {len(words) - MOST_WORDS:,} more" if len(words) > MOST_WORDS else ""
    return (", ".join(words[:MOST_WORDS]) or "none") + more


def numbered(count: int, what: str) -> str:
    """The valid numbers of `count` things, for a message about another number."""
    return f"there is one {what}, number 0" if count == 1 else f"they are numbered from 0 to {count - 1:,}"
