"""Keep the SCIM 2.0 schema extensions of many tenants equal to a git folder."""

__version__ = "0.1.0"
