"""`explain`: a key of a manifest in the words of the JSON Schema, for each kind that has it."""

import json
import shutil
from collections.abc import Sequence

from reconciler.adapters.packaged import schema_text
from reconciler.cli.invocation import Invocation
from reconciler.domain.explaining import KINDS, ManifestKeys
from reconciler.domain.messages import nearest
from reconciler.errors import UsageError
from reconciler.render.explain_text import explain_text, kind_text
from reconciler.render.plain_text import visible


def explain(invocation: Invocation, key: str) -> None:
    """Print it; raises UsageError for a key that no kind has, with what may be meant."""
    keys = ManifestKeys(json.loads(schema_text("manifest")))
    parts = [part for part in key.replace("[]", "").split(".") if part]
    kinds = [kind for kind in KINDS if parts and kind.lower() == parts[0].lower()]
    path = parts[1:] if kinds else parts or ["spec"]
    width = shutil.get_terminal_size().columns
    paint = invocation.console.paint
    texts = []
    for kind in kinds or KINDS:
        found = keys.at(kind, path)
        if found is not None:
            texts.append(explain_text(found, keys.below(found), paint=paint, width=width))
        elif not path:
            texts.append(kind_text(kind, keys.of(kind), paint=paint, width=width))
    if not texts:
        raise UsageError(_unknown(keys, kinds or KINDS, path))
    invocation.console.data("\n".join(dict.fromkeys(texts)))


def _unknown(keys: ManifestKeys, kinds: Sequence[str], path: Sequence[str]) -> str:
    """The message for a path that is in no kind: where it ends, and what may be meant there."""
    deep = max(range(len(path)), key=lambda n: n if _holds(keys, kinds, path[:n]) else -1)
    known = dict.fromkeys(
        each.path[-1]
        for kind in kinds
        if (holder := keys.at(kind, path[:deep])) is not None or deep == 0
        for each in (keys.of(kind) if holder is None else keys.below(holder))
    )
    meant = nearest(path[deep], known)
    hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known) or 'none'}"
    where = ".".join(path[:deep]) or "a manifest"
    return f"{visible(where)} has no key {visible(path[deep])!r}; {hint}"


def _holds(keys: ManifestKeys, kinds: Sequence[str], path: Sequence[str]) -> bool:
    return not path or any(keys.at(kind, path) is not None for kind in kinds)
