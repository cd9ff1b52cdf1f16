"""`python tests/lock.py`: writes constraints.txt, the versions that the suite ran on of everything the runtime is made of."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
HEAD = "# What the runtime is made of, in the versions that the suite ran on (`make lock`); requirements.txt says what is wanted.\n"


def main() -> None:
    """Writes what is installed in this environment."""
    (ROOT / "constraints.txt").write_text(HEAD + "".join(f"{line}\n" for line in installed(wanted())), encoding="utf-8")


def wanted() -> list[str]:
    """The lines of requirements.txt that name a package."""
    return [line for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def installed(requirements: list[str]) -> list[str]:
    """`name==version` of all that these requirements bring along, sorted."""
    found: dict[str, set[str]] = {}
    left = [Requirement(each) for each in requirements]
    while left:
        each = left.pop()
        extras = found.setdefault(re.sub(r"[-_.]+", "-", each.name).lower(), set())
        new = {"", *each.extras} - extras
        extras |= new
        needed = (Requirement(line) for line in distribution(each.name).requires or ()) if new else ()
        left += [need for need in needed if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in new)]
    return sorted(f"{name}=={distribution(name).version}" for name in found)


if __name__ == "__main__":
    main()
