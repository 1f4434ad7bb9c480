"""`make bench`: validate beside check-jsonschema, on the same files with the same JSON Schema.

Costs are seconds of processor time, user and system, of whole processes, and of several rounds the
least: what else the machine does hardly shows. The contenders take turns. `--rounds N` runs more.
Ends with 1 where a ratio misses its bound.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.packaged import schema_text
from reconciler.adapters.yaml_writer import yaml_text
from reconciler.domain.scim import Attribute

MANY, FEW, ATTRIBUTES = 1000, 100, 30
TYPES = ("string", "boolean", "integer", "dateTime", "decimal")

RUN = "from reconciler.__main__ import main; sys.exit(main())"
WITHOUT_FAST = "import sys; sys.modules['jsonschema_rs'] = None; " + RUN  # as if not installed
WITH_FAST = "import sys, jsonschema_rs; " + RUN


@dataclass(frozen=True)
class Bound:
    """The cost of one contender, as a share of another's, and how large it may be."""

    words: str
    ratio: float
    most: float

    @property
    def kept(self) -> bool:
        return self.ratio <= self.most


def main(arguments: Iterable[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args([*arguments]).rounds
    with tempfile.TemporaryDirectory() as folder:
        costs = measured(contenders(Path(folder)), rounds)
    tell("")
    for name, cost in costs.items():
        tell(f"{name:44} {cost:8.2f} s")
    bounds = bounds_of(costs)
    tell("")
    for bound in bounds:
        verdict = "kept" if bound.kept else "MISSED"
        tell(f"{bound.words:44} {bound.ratio:8.3f}  at most {bound.most:4}  {verdict}")
    return 0 if all(bound.kept for bound in bounds) else 1


def contenders(folder: Path) -> Mapping[str, list[str]]:
    """Commands by name; the manifests and the JSON Schema stand in the folder."""
    schema = folder / "manifest.json"
    schema.write_text(schema_text("manifest"))
    many, few = written(folder / "many", MANY), written(folder / "few", FEW)
    check = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema)]

    def validate(how: str, where: Path) -> list[str]:
        return [sys.executable, "-c", how, "validate", "-q", "--desired-state", str(where)]

    return {
        f"check-jsonschema, {MANY} manifests": [*check, *map(str, sorted(many.iterdir()))],
        f"validate, {MANY} manifests": validate(WITHOUT_FAST, many),
        f"validate with fast, {MANY} manifests": validate(WITH_FAST, many),
        f"validate, {FEW} manifests": validate(WITHOUT_FAST, few),
        f"validate with fast, {FEW} manifests": validate(WITH_FAST, few),
    }


def written(folder: Path, number: int) -> Path:
    """That many extensions of thirty attributes with all their characteristics, and a tenant."""
    folder.mkdir()
    tenant = {"dialect": "rfc7644", "baseUrl": "embedded://local"}
    (folder / "tenant.yaml").write_text(manifest("Tenant", "local", tenant))
    for index in range(number):
        schema = {
            "id": f"urn:example:extension:{index}",
            "name": f"extension{index}",
            "description": f"What department {index} keeps of its people",
            "attributes": [attribute(each) for each in range(ATTRIBUTES)],
        }
        text = manifest("SchemaExtension", f"extension-{index}", {"schema": schema})
        (folder / f"extension-{index}.yaml").write_text(text)
    return folder


def manifest(kind: str, name: str, spec: Mapping[str, object]) -> str:
    members = {"kind": kind, "metadata": {"name": name}, "spec": spec}
    return yaml_text({"apiVersion": "reconciler/v1", **members})


def attribute(index: int) -> object:
    said = {"name": f"attribute{index}", "type": TYPES[index % len(TYPES)]}
    return Attribute.from_json({**said, "description": f"What number {index} is for"}).to_json()


def measured(commands: Mapping[str, list[str]], rounds: int) -> dict[str, float]:
    """Seconds of each contender in its best round."""
    costs = dict.fromkeys(commands, float("inf"))
    for number in range(1, rounds + 1):
        for name, command in commands.items():
            cost = seconds(command)
            costs[name] = min(costs[name], cost)
            tell(f"round {number}: {name:34} {cost:8.2f} s")
    return costs


def seconds(command: list[str]) -> float:
    """Processor time of a command that has to end well."""
    child = os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        raise SystemExit(
            f"{' '.join(command)[:200]} ended with {os.waitstatus_to_exitcode(status)}"
        )
    return usage.ru_utime + usage.ru_stime


def bounds_of(costs: Mapping[str, float]) -> list[Bound]:
    check, plain, fast, plain_few, fast_few = costs.values()
    return [
        Bound("validate to check-jsonschema", plain / check, 0.5),
        Bound("validate with fast to check-jsonschema", fast / check, 0.1),
        Bound(f"validate, a manifest of {MANY} to one of {FEW}", each(plain, plain_few), 1.2),
        Bound(f"with fast, a manifest of {MANY} to one of {FEW}", each(fast, fast_few), 1.2),
    ]


def each(many: float, few: float) -> float:
    return (many / MANY) / (few / FEW)


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
