"""What may be shown of a live schema: all that the service sent, without our credentials.

The words of RFC 7643 are ours at their own places, and so is whatever the manifest says.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from reconciler.domain.jsontext import Json, canonical
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import Attribute, Schema, fold, in_order, is_keyword

Vendor = tuple[tuple[str, str], ...]


def shown_schema(live: Schema, redaction: Redaction, desired: Schema | None = None) -> Schema:
    """The live schema as it may be shown; the very same where it shows no credential.

    It differs from desired wherever live does (see Redaction.text).
    """
    if not redaction.may_be_in(live.text()):
        return live
    shown = _Showing(redaction, desired.text() if desired else "").schema(live, desired)
    whole = shown.whole()
    return live if whole == live.whole() else replace(shown, document=whole)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Showing:
    """The redaction of one schema; `own` is all that its manifest says."""

    redaction: Redaction
    own: str

    def schema(self, live: Schema, desired: Schema | None) -> Schema:
        return replace(
            live,
            id=self._name(live.id, desired.id if desired else None),
            name=live.name and self._name(live.name, desired.name if desired else None),
            description=live.description and self._text(live.description),
            attributes=self._attributes(live.attributes, desired.attributes if desired else ()),
            vendor=self._vendor(live.vendor),
        )

    def _attributes(
        self, live: Iterable[Attribute], desired: Iterable[Attribute]
    ) -> tuple[Attribute, ...]:
        wanted = {attribute.key: attribute for attribute in desired}
        return in_order(self._attribute(each, wanted.get(each.key)) for each in live)

    def _attribute(self, live: Attribute, desired: Attribute | None) -> Attribute:
        parts = desired.sub_attributes if desired else ()
        return replace(
            live,
            name=self._name(live.name, desired.name if desired else None),
            type=self._word("type", live.type),
            mutability=self._word("mutability", live.mutability),
            returned=self._word("returned", live.returned),
            uniqueness=self._word("uniqueness", live.uniqueness),
            description=live.description and self._text(live.description),
            canonical_values=self._texts(live.canonical_values),
            reference_types=self._texts(live.reference_types),
            sub_attributes=self._attributes(live.sub_attributes, parts),
            vendor=self._vendor(live.vendor),
        )

    def _name(self, live: str, desired: str | None) -> str:
        """A name, for which case does not count: what the manifest writes shows nothing."""
        shown = self._text(live)
        if shown != live and desired is not None and fold(desired) == fold(live):
            return desired
        return shown

    def _word(self, member: str, value: str) -> str:
        return value if is_keyword(member, value) else self._text(value)

    def _text(self, text: str) -> str:
        return self.redaction.text(text, own=self.own)

    def _texts(self, texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(set(map(self._text, texts))))

    def _vendor(self, members: Vendor) -> Vendor:
        return tuple(sorted((self._text(name), self._value(text)) for name, text in members))

    def _value(self, text: str) -> str:
        """A value of a vendor's in its canonical JSON text."""
        value: Json = json.loads(text)
        shown = self.redaction.value(value, own=self.own)
        return text if shown == value else canonical(shown).decode()
