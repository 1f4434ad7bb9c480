"""Foreign: a text from outside within a message of ours, the only part of it that is redacted."""


class Foreign(str):
    """A name or text as a service sent it; what joins it to others makes plain text of it."""

    __slots__ = ()


Sentence = tuple[str, ...]
"""A message in parts, which nothing separates: our own text, and what is Foreign."""
