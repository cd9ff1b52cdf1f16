#!/bin/sh
# Installs Debian's packages of commands that some tests run, where they are missing: sh tests/debian.sh NAME…
# Without them these tests are skipped, and that is said.
set -eu
missing=""
for name in "$@"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$name" >/dev/null 2>&1 || missing="$missing $name"
done
[ -n "$missing" ] || exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    apt-get update -qq >/dev/null 2>&1 && apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 && exit 0
fi
echo "Tests that need these commands are skipped:$missing (Debian: sudo apt-get install$missing)" >&2
