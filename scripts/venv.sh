#!/usr/bin/env bash
# Make a virtual environment anew from a list of what is in it.
#
#   scripts/venv.sh DIR LIST   make it in DIR of LIST; DIR/.ready marks it as complete
#   scripts/venv.sh --python   only print the Python that would be used, or fail
#
# PYTHON names another Python than the one that is found.
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

python=${PYTHON:-$(find_python)} || {
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
"$dir/bin/pip" install --quiet --disable-pip-version-check --requirement "$2"
touch "$dir/.ready"
