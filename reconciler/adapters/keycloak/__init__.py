"""Keycloak: the user profile of a realm as one SCIM schema, read and written by its admin API."""
