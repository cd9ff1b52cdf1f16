"""`python tests/advisories.py FILE…`: asks the registry, through pip-audit, whether a pinned package has a known vulnerability."""

from __future__ import annotations

import json
import re
import subprocess
import sys

_UNREACHABLE = re.compile(r"ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|Could not connect")


def main() -> None:
    """Prints what was found; exits with 1 for a vulnerability, 2 where pip-audit failed, 0 otherwise."""
    files = [word for file in sys.argv[1:] for word in ("--requirement", file)]
    options = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run([sys.executable, "-m", "pip_audit", *options, *files], capture_output=True, text=True)
    code, sentences = verdict(done.stdout, done.stderr)
    print(*sentences, sep="\n")
    sys.exit(code)


def verdict(out: str, errors: str) -> tuple[int, list[str]]:
    """The exit code, and what to say, for what pip-audit wrote.

    Nothing counts as checked that was not: neither where the registry could not be reached, nor where it knows no
    such package, as a mirror without advisories does.
    """
    try:
        packages = json.loads(out)["dependencies"]
    except ValueError:
        if _UNREACHABLE.search(errors):
            return 0, ["Known vulnerabilities: NOT CHECKED, no network: the registry could not be reached"]
        return 2, ["Known vulnerabilities: not checked, pip-audit failed", errors.strip()]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    found = [
        f"{package['name']} {package['version']}: {each['id']}, fixed in {', '.join(each['fix_versions']) or 'no version yet'}"
        for package in packages
        for each in package.get("vulns", ())
    ]
    said = [f"Known vulnerabilities: {len(found) or 'none'} in {len(packages) - len(unknown)} packages", *found]
    if unknown:
        said.append(f"NOT CHECKED, the registry has no advisories for: {', '.join(unknown)}")
    return (1 if found else 0), said


if __name__ == "__main__":
    main()
