"""The advice on statuses that mean the same whatever was requested, of a tenant or of an issuer."""

import re

from reconciler.domain.http_reply import Answer

_PROTOCOLS = re.compile(r"[A-Za-z0-9./, -]{1,40}")


def status_advice(answer: Answer) -> str | None:
    """What helps with a refusal for the way by which we came; None for those of what we want."""
    if answer.status == 426:  # RFC 9110 section 15.5.22: Upgrade names the protocol
        wanted = answer.headers.get("upgrade", "")
        named = (
            f"it wants {wanted}" if _PROTOCOLS.fullmatch(wanted) else "it wants another protocol"
        )
        return f"{named}, and we speak HTTP/1.1: ask those who run it to take that"
    return _ADVICE.get(answer.status)


_ADVICE = {
    402: "as a rule its account is not paid for, or has a plan without this: ask its administrator",
    407: "a proxy before it wants credentials of its own: ask those who run it",
    411: "our body had a length, which a proxy on the way took out: ask those who run that one",
    421: "what answered does not serve this host: check the host of the URL, and ask those who run "
    "it",
    423: "somebody holds it locked: run again later",
    431: "our header is longer than it takes, as a rule for a long token: ask for fewer scopes in "
    "spec.auth, or those who run it for more room",
    451: "it may not answer for reasons of law: ask those who run it",
    511: "a network on the way wants somebody to log in first: ask those who run that one",
}
