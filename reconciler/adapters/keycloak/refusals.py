"""Refusals of Keycloak in words of ours beside its own, and the roles that a request needs."""

from reconciler.adapters.gateway.answers import RequestName, code_and_detail, described
from reconciler.domain.http_reply import Answer

_ROLE = "the service account needs the role {} of the client realm-management, by its Service "
_ROLE += "account roles in the admin console"
READING = _ROLE.format("view-realm")
WRITING = _ROLE.format("manage-realm")
_FORM = "https://HOST/admin/realms/REALM"
ADDRESS = f"check that spec.baseUrl is the admin address of the realm, {_FORM}"
NO_REALM = f"there is no such realm, or spec.baseUrl is not its admin address, {_FORM}"
_NO_PROFILE = "no Keycloak before 24 has a user profile that is written so"
_KNOWN = (  # all that 26.7 answers a PUT of a profile with, each a 400
    ("already exists with 'name'", "the profile has that attribute already, in another spelling"),
    ("doesn't exist", "it has no validator of that name: look at validations in the manifest"),
    ("incorrect configuration", "look at the settings of that validator in the manifest"),
    ("invalid attribute name", "it takes letters, digits, '.', '_' and '-' in a name"),
    ("can not be removed", "somebody took it out of what was read: plan again"),
    ("unsupported role", "permissions and requiredFor name the roles admin and user alone"),
    (
        "unsupported scope",
        "the realm has no such client scope: make it there first, or leave it out",
    ),
    ("unknown group", "the profile has no such group: make it there first, or leave group out"),
    ("default value for attribute", "defaultValue has to be one that the attribute takes"),
    ("unrecognized field", "this Keycloak has no such member: leave it out of the manifest"),
    ("cannot parse the json", "a member has a value of another kind than it takes there"),
)


def write_message(request: RequestName, answer: Answer) -> str | None:
    """The answer to a PUT of a profile, with its meaning; None where that is not known."""
    advice = None
    if answer.status == 400:
        _, detail = code_and_detail(answer)
        advice = next((each for part, each in _KNOWN if part in detail.lower()), None)
    elif answer.status == 404:
        advice = NO_REALM
    elif answer.status == 405:
        advice = _NO_PROFILE
    return f"{request}: {described(request, answer)}; {advice}" if advice else None
