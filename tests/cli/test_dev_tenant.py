"""`dev-tenant`: the built-in tenant as a server of its own, its end and its secrets."""

from tests.support.program import DevTenant, Folder, started_dev_tenant


def test_dev_tenant_ends_at_a_signal_and_keeps_its_schemas(dev_tenant: DevTenant):
    dev_tenant.folder.run("apply", "--auto-approve")
    name = dev_tenant.folder.path / ".reconciler/embedded/dev.db"

    assert name.stat().st_mode & 0o077 == 0
    assert [path.stat().st_mode & 0o077 for path in dev_tenant.secrets.iterdir()] == [0, 0, 0]


def test_dev_tenant_secrets_are_readable_by_their_owner_only(folder: Folder):
    there = folder.write(".reconciler/secrets/dev-client-id", "from before")
    there.chmod(0o644)

    with started_dev_tenant(folder) as tenant:
        assert tenant.secret("client-id") != "from before"
        assert there.stat().st_mode & 0o777 == 0o600
