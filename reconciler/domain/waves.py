"""Waves: the changed tenants of a run in their order, a few before many."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # they say the shape of JSON
    from reconciler.domain.documents import PlanWaves, WaveDocument

MOST = 100  # waves
_ALL = 100_000  # thousandths of a percent
_SIZE = re.compile(r"[0-9]{1,6}|[0-9]{1,3}(\.[0-9]{1,3})?%")


@dataclass(frozen=True, slots=True)
class WaveSize:
    """The number of changed tenants that are written once a wave is over: `5`, or `10%`."""

    text: str

    @property
    def is_share(self) -> bool:
        """True of a share of the changed tenants."""
        return self.text.endswith("%")

    @property
    def value(self) -> int:
        """The number, or thousandths of a percent."""
        if not self.is_share:
            return int(self.text)
        whole, _, part = self.text.removesuffix("%").partition(".")
        return int(whole + part.ljust(3, "0"))

    def of(self, changed: int) -> int:
        """The number for so many changed tenants, rounded up."""
        return -(-self.value * changed // _ALL) if self.is_share else min(self.value, changed)


@dataclass(frozen=True, slots=True)
class Wave:
    """The tenants of one wave, by name; of a run that has several, each has its own number."""

    number: int
    tenants: tuple[str, ...]


def wave_sizes(text: str) -> tuple[WaveSize, ...]:
    """The sizes in a text such as `1,10%,100%`; raises ValueError, saying what is wrong."""
    sizes = tuple(WaveSize(each.strip()) for each in text.split(","))
    for size in sizes:
        if _SIZE.fullmatch(size.text) is None or size.value == 0:
            raise ValueError(f"{size.text!r} is neither a number of tenants nor a share, as 10%")
        if size.is_share and size.value > _ALL:
            raise ValueError(f"{size.text} is more than all of them; 100% is the most")
    if len(sizes) > MOST:
        raise ValueError(f"there are more than {MOST}")
    for one, other in pairwise(sizes):
        comparable = one.is_share is other.is_share
        is_all = one.is_share and one.value == _ALL
        if is_all or (comparable and one.value >= other.value):
            raise ValueError(f"{other.text} is no more than {one.text}, and each has to be more")
    return sizes


def waves_of(changed: Mapping[str, int | None], sizes: tuple[WaveSize, ...]) -> tuple[Wave, ...]:
    """The waves of a run; none where it has no sizes, and all tenants would be in one wave."""
    found = in_waves(changed, sizes)
    return found if sizes or len(found) > 1 else ()


def waves_document(waves: Iterable[Wave], sizes: Iterable[WaveSize]) -> PlanWaves:
    """The part of a plan's document about its waves; empty where it has none."""
    texts = [size.text for size in sizes]
    documents: list[WaveDocument] = [
        {"number": each.number, "tenants": list(each.tenants)} for each in waves
    ]
    return {"waves": {"sizes": texts, "waves": documents}} if texts or documents else {}


def in_waves(
    changed: Mapping[str, int | None], sizes: tuple[WaveSize, ...] = ()
) -> tuple[Wave, ...]:
    """Divide tenants, by name with the wave that the manifest of each says, if any.

    Those of whom none says fill up the sizes by name, and are a last wave where those do not reach;
    without sizes they come last. What would be empty is left out, and keeps its number.
    """
    waves: dict[int, list[str]] = defaultdict(list)
    for name, number in changed.items():
        if number is not None:
            waves[number].append(name)
    free = sorted(name for name, number in changed.items() if number is None)
    done = 0
    for number, size in enumerate(sizes, start=1):
        room = max(0, size.of(len(changed)) - done - len(waves[number]))
        waves[number] += free[:room]
        free = free[room:]
        done += len(waves[number])
    if free:
        last = len(sizes) if sizes else max(waves, default=0)
        waves[last + 1] += free
    return tuple(
        Wave(number, tuple(sorted(waves[number]))) for number in sorted(waves) if waves[number]
    )
