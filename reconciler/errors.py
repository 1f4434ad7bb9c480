"""Every failure the program explains, as one tree, split by what can be done next.

ReconcilerError                  one message: what, where, what to do
├── UsageError                   change the command line, a variable or a file name
│   ├── GitRefused               do what git says, which the message repeats
│   └── SecretUnset              give the secret that a manifest names
├── ManifestsInvalid             edit the manifests; carries every problem
├── StateError                   the store cannot be read, written or believed
├── TenantError                  one tenant fails alone; the others go on
│   ├── TenantUnavailable        ask again later
│   ├── TenantUntrusted          not who it should be: TLS, a redirect, a foreign origin
│   ├── CredentialsRefused       the token endpoint or the tenant refuses who we are
│   ├── PermissionRefused        we are known, and may not
│   ├── TenantRefused            a permanent answer to this request
│   │   └── PageRefused          the list is not given on from here
│   ├── SchemaUnreadable         one schema cannot be read; the others of the tenant can
│   └── AnswerUnreadable         an answer came, and it is not what SCIM says
├── ClusterError                 the workers are not there, or what they did is not known
├── GitHubError                  GitHub refused, or did not answer; no tenant is touched by that
├── PlanStale                    plan again and have it approved
├── TenantLocked                 wait for the other run
├── LimitExceeded                split the change, or raise the limit on purpose
└── Interrupted                  run again; what was begun is recorded, if anything was
"""


class ReconcilerError(Exception):
    """A failure with a message for a person; never holds a secret, a body or personal data."""


class UsageError(ReconcilerError):
    """The command line, a setting or a named file is wrong."""


class GitRefused(UsageError):
    """git refuses a call, or is not there."""


class SecretUnset(UsageError):
    """A secret that a manifest names is not there: no variable, no file, or nothing in it."""


class ManifestsInvalid(ReconcilerError):
    """The manifests cannot be used; `lines` holds every problem, one printed line each."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class StateError(ReconcilerError):
    """The store cannot be opened, read or written, or its chain is broken."""


class TenantError(ReconcilerError):
    """One tenant failed; the message names what happened, the tenant is named by who catches it."""


class TenantUnavailable(TenantError):
    """No answer, or one that asks to come back later."""


class TenantUntrusted(TenantError):
    """The other side is not the one that the manifest names."""


class CredentialsRefused(TenantError):
    """The client id and secret, or the token they gave, are not accepted."""


class PermissionRefused(TenantError):
    """403: the client is known and lacks a scope or a role."""


class TenantRefused(TenantError):
    """A permanent refusal of one request: 400, 404 on a collection, 405, 413, 501 and so on."""


class PageRefused(TenantRefused):
    """A page of the list of schemas, after one that was read, is refused.

    `ends` is True where the answer says that there is no such page.
    """

    def __init__(self, message: str, *, ends: bool) -> None:
        super().__init__(message)
        self.ends = ends


class SchemaUnreadable(TenantError):
    """One schema cannot be read by its id, from a tenant whose list of schemas can."""


class AnswerUnreadable(TenantError):
    """An HTML page, a cut or foreign body where a SCIM document should be."""


class ClusterError(ReconcilerError):
    """The cluster of --dask does not answer, is another version, or has lost a task.

    `lost` is True where a task may have been begun, and nobody here knows how it ended.
    """

    def __init__(self, message: str, *, lost: bool = False) -> None:
        super().__init__(message)
        self.lost = lost


class GitHubError(ReconcilerError):
    """GitHub's API refused a request or did not answer; the message says what to do."""


class PlanStale(ReconcilerError):
    """The plan made now is not the one that was approved."""


class TenantLocked(ReconcilerError):
    """Another run holds the tenant."""


class LimitExceeded(ReconcilerError):
    """A safety limit refuses the apply before its first write."""


class Interrupted(ReconcilerError):
    """A signal asked the run to stop; `signal` is its number.

    `wrote` is False where no request has left that could change or announce anything.
    """

    def __init__(self, signal: int, *, wrote: bool = True) -> None:
        super().__init__(
            f"interrupted by signal {signal}" + ("" if wrote else "; nothing was written")
        )
        self.signal = signal
        self.wrote = wrote
