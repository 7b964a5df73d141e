#!/bin/sh
# The report is tested in a real Chromium. Installs Debian's where that can be done, or says that it is lacking.
command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    quick="-qq -o Acquire::Retries=0 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20"
    # shellcheck disable=SC2086
    { apt-get $quick update && DEBIAN_FRONTEND=noninteractive apt-get $quick --yes \
        --no-install-recommends install chromium chromium-driver; } >/dev/null 2>&1 && exit 0
fi
echo "no Chromium here: tests of the report in a browser are skipped" \
    "(apt-get install chromium chromium-driver)" >&2
exit 0
