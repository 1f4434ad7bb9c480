"""Files for HR on whether it may send the attributes of a tenant: signed, dated, short-lived."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from reconciler.adapters.webhooks import WebhookNotifier
from reconciler.cli.files import write_file
from reconciler.domain.gate import SchemaFacts, TenantGate
from reconciler.domain.lifecycle import Course, searchable_in
from reconciler.domain.manifest import SchemaExtension, Tenant
from reconciler.domain.scim import Schema, fold
from reconciler.domain.searching import Searched
from reconciler.domain.tenant_names import TenantNames
from reconciler.errors import StateError, TenantError, UsageError
from reconciler.gating import Gating
from reconciler.ports import SchemaReader
from reconciler.render.gate import dated_document
from reconciler.render.json_text import json_text
from reconciler.run_context import RunContext
from reconciler.searchable import Searching, search_entry

_SIGNATURE = ("webhook-id", "webhook-timestamp", "webhook-signature")


@dataclass(slots=True, kw_only=True)
class GateFiles:
    """A ports.Statements in a folder: TENANT.json, and TENANT.json.sig with three headers.

    Files of the former among `names` are deleted with the first. `failed` is True once a file
    could not be written.
    """

    folder: Path
    context: RunContext
    signer: WebhookNotifier
    searching: Callable[[Tenant], Searching]
    courses: Callable[[str, Iterable[Schema]], Mapping[str, Course]]
    names: TenantNames
    failed: bool = field(init=False, default=False)

    def withdraw(self, tenant: Tenant) -> None:
        """Delete both files; without its signature a file is worth nothing."""
        for name in self.names.of(tenant.name):
            self._delete(name)

    def issue(
        self, tenant: Tenant, extensions: Sequence[SchemaExtension], reader: SchemaReader
    ) -> None:
        """Write both files, each whole or not at all; without a secret there are none."""
        gating = Gating(
            clock=self.context.clock,
            tenant=tenant,
            reader=reader,
            searching=self.searching(tenant),
            courses=lambda schemas: self.courses(tenant.name, schemas),
            keep=self._keep,
        )
        try:
            for name in self.names.of(tenant.name)[1:]:
                self._delete(name)
            self._write(tenant, gating.look(extensions))
        except (TenantError, StateError, UsageError) as error:
            self.failed = True
            self.context.progress.warn(f"{tenant.name}: nothing new is said to HR: {error}")

    def _keep(self, facts: SchemaFacts, searched: Searched) -> None:
        """Record what the trail does not say so far: what no write of ours brought, or came late.

        The report of a fleet says what the trail has.
        """
        known = searchable_in(facts.course)
        is_known = all(
            fold(name) in known and known[fold(name)].searchable is found.searchable
            for name, found in searched.found
        )
        if facts.bound and not is_known:
            entry = search_entry(self.context, facts.extension.schema, searched)
            change = f"{facts.tenant.name}/{facts.extension.name}"
            self.context.journal.record(replace(entry, tenant=facts.tenant.name, change=change))

    def _write(self, tenant: Tenant, gate: TenantGate) -> None:
        digest = self.context.progress.plan_digest or ""
        document = dated_document(gate, at=self.context.clock.now(), plan_digest=digest)
        text = json_text(document)
        body = text.encode()
        headers = self.signer.signed(tenant, f"gate_{sha256(body).hexdigest()[:32]}", body)
        if headers is None:
            self.context.progress.warn(
                f"{tenant.name}: {self._file(tenant.name)} is not written, for there is no webhook "
                "secret to sign it with"
            )
            return
        write_file(self._file(tenant.name), text)
        signature = "".join(f"{name}: {headers[name]}\n" for name in _SIGNATURE)
        write_file(self._signature(tenant.name), signature)

    def _delete(self, name: str) -> None:
        for file in (self._signature(name), self._file(name)):
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise UsageError(f"{file} cannot be deleted: {error.strerror}") from error

    def _file(self, tenant: str) -> Path:
        return self.folder / f"{tenant}.json"

    def _signature(self, tenant: str) -> Path:
        return self.folder / f"{tenant}.json.sig"
