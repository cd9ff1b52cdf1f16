#!/bin/sh
# Makes sure that a Chromium is there for the browser tests. Debian's without windows is installed where it can be: a page costs it half.
set -eu
command -v chromium-headless-shell >/dev/null 2>&1 && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    headless() { apt-get install -y -qq --no-install-recommends --no-remove chromium-headless-shell >/dev/null 2>&1; }
    headless && exit 0
    apt-get update -qq >/dev/null 2>&1 && headless && exit 0
fi
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get install -y -qq --no-install-recommends chromium >/dev/null && exit 0
fi
echo "No Chromium was found. Install one (Debian: sudo apt-get install chromium-headless-shell) and run make test again." >&2
exit 1
