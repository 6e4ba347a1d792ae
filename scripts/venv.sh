#!/usr/bin/env bash
# Make the tests' virtual environment anew from tests/requirements.txt.
#
#   scripts/venv.sh DIR        make it in DIR; DIR/.ready marks it as complete
#   scripts/venv.sh --python   only print the Python that would be used, or fail
set -euo pipefail
cd "$(dirname "$0")/.."

find_python() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$python"
            return
        fi
    done
    return 1
}

python=$(find_python) || {
    [ "${1-}" = --python ] || echo "No Python 3.11 or later with venv was found." >&2
    exit 1
}
if [ "${1-}" = --python ]; then
    echo "$python"
    exit
fi

dir=$1
rm -rf "$dir"
"$python" -m venv "$dir"
"$dir/bin/pip" install --quiet --disable-pip-version-check --requirement tests/requirements.txt
touch "$dir/.ready"
