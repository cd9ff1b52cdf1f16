#!/bin/sh
# Makes sure that a Chromium is there for the browser tests; installs Debian's package where none is found.
set -eu
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
else
    echo "No Chromium was found. Install one (Debian: sudo apt-get install chromium) and run make test again." >&2
    exit 1
fi
