"""`explain`: a key of a manifest in the words of the JSON Schema, for each kind that has it."""

import json
import re
from collections.abc import Sequence

from reconciler.adapters.packaged import schema_text
from reconciler.cli.commands.explain import Options
from reconciler.cli.invocation import Invocation
from reconciler.cli.output import output_of
from reconciler.cli.shared_options import TextOrJson
from reconciler.domain.documents import KeyDocument
from reconciler.domain.explaining import KINDS, Key, ManifestKeys
from reconciler.domain.messages import listed, suggestion
from reconciler.errors import UsageError
from reconciler.render.explain_text import explain_text, kind_text
from reconciler.render.plain_text import visible

_ITEM = re.compile(r"\[[0-9]*\]")  # of a list, as messages and jq write it
_MEANT = 3  # paths that a message suggests


def explain(invocation: Invocation, options: Options) -> None:
    """Print it; raises UsageError for a key that no kind has, with what may be meant."""
    with output_of(invocation, wanted=options.format is TextOrJson.JSON) as output:
        keys = ManifestKeys(json.loads(schema_text("manifest")))
        parts = [part for part in _ITEM.sub("", options.key or "").split(".") if part]
        kinds = [kind for kind in KINDS if parts and kind.lower() == parts[0].lower()]
        path = parts[1:] if kinds else parts or ["spec"]
        if kinds in ([], ["TenantSet"]) and path[:2] == ["spec", "template"] and path[2:]:
            kinds, path = ["Tenant"], ["spec", *path[2:]]  # which has the same keys
        inside = {kind: keys.inside(kind, path) for kind in kinds or KINDS}
        found = [
            (kind, keys.at(kind, path), members)
            for kind, members in inside.items()
            if members is not None
        ]
        if not found:
            raise UsageError(_unknown(keys, kinds or KINDS, path))
        if output.wanted:
            every = [each for _, key, members in found for each in (key, *members) if each]
            output.show({"keys": list(map(_document, every))})
            return
        width, paint = invocation.console.width, invocation.console.paint
        texts = [
            kind_text(kind, members, paint=paint, width=width)
            if key is None
            else explain_text(key, members, paint=paint, width=width)
            for kind, key, members in found
        ]
        invocation.console.data("\n".join(dict.fromkeys(texts)))


def _document(key: Key) -> KeyDocument:
    return {
        "kind": key.kind,
        "path": ".".join(key.path),
        "type": key.type,
        "required": key.required,
        "description": key.description,
        "values": list(key.choices),
        "default": None if key.default is None else json.loads(key.default),
        "only_for": list(key.only_for),
    }


def _unknown(keys: ManifestKeys, kinds: Sequence[str], path: Sequence[str]) -> str:
    """The message for a path that is in no kind: where it ends, and what may be meant there."""
    deep, held = 0, []
    for deep in reversed(range(len(path))):
        found = (keys.inside(kind, path[:deep]) for kind in kinds)
        if held := [members for members in found if members is not None]:
            break
    above = (keys.at(kind, path[:deep]) for kind in kinds)
    where = visible(".".join(path[:deep]) or "a manifest")
    if not any(held) and any(key is not None and key.type == "object" for key in above):
        return f"{where} takes keys of your own, and no other; see `reconciler explain {where}`"
    known = dict.fromkeys(key.path[-1] for members in held for key in members)
    ends = (key for kind in kinds for key in keys.ending(kind, path)) if deep == 0 else ()
    meant = list(dict.fromkeys(".".join(key.path) for key in ends))[:_MEANT]
    hint = f"did you mean {listed(meant)}?" if meant else suggestion(path[deep], known)
    return f"{where} has no key {visible(path[deep])!r}; {hint}"
