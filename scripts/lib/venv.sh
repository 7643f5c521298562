# Sourced by the scripts beside this folder: makes `.venv` and installs the package into it.
#
#   ensure_venv LEVEL     LEVEL is run, test or dev; each contains the one before it
#
# Sets ROOT (the repository) and PY (the interpreter of the virtualenv). Installing happens once:
# a stamp for each level remembers the pyproject.toml and the folder it was made from.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
VENV=$ROOT/.venv
PY=$VENV/bin/python

say() { printf '%s\n' "ossemu: $*" >&2; }
die() { say "$*"; exit 1; }

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Prints the first interpreter that will do; $PYTHON, when set, is the only candidate.
find_python() {
    local name
    for name in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14 python}; do
        if command -v "$name" >/dev/null 2>&1 && is_new_enough "$name"; then
            command -v "$name"
            return
        fi
    done
    local seen
    seen=$("${PYTHON:-python3}" --version 2>&1) || seen="no ${PYTHON:-python3}"
    die "Python 3.11 or newer is needed; found: $seen. Install one, or name it: PYTHON=/path/to/python3.11 $0"
}

# Runs a command silently; shows what it printed only when it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

make_venv() {
    local base
    base=$(find_python) || exit 1
    say "making .venv with $("$base" --version 2>&1)"
    rm -rf "$VENV"
    # Some distributions ship Python and pip without ensurepip, which `venv` needs for its own
    # pip; the pip outside can fill the virtualenv as well.
    if "$base" -m venv "$VENV" >/dev/null 2>&1; then
        return
    fi
    rm -rf "$VENV"
    quietly "$base" -m venv --without-pip "$VENV" ||
        die "could not make $VENV (is the venv module installed? Debian: apt-get install python3-venv)"
    quietly "$base" -m pip --python "$PY" install --quiet pip ||
        die "no pip in $VENV, and the one of $base could not put one there (Debian: apt-get install python3-venv)"
}

# What an installation depends on: the project file, the place, the interpreter.
fingerprint() {
    { cat "$ROOT/pyproject.toml" && printf '%s\n' "$ROOT" && "$PY" --version; } 2>/dev/null | cksum
}

is_installed() {
    [ -x "$PY" ] && [ "$(cat "$VENV/.ossemu-$1" 2>/dev/null)" = "$(fingerprint)" ]
}

install_level() {
    local level=$1 target what stamp
    case $level in
        run) target=$ROOT what='the emulator' stamp='run' ;;
        test) target="$ROOT[test]" what='the emulator and what its tests need' stamp='run test' ;;
        dev) target="$ROOT[dev]" what='the emulator, its tests and its checks' stamp='run test dev' ;;
        *) die "no such level: $level" ;;
    esac
    say "installing $what (once; about a minute)"
    quietly "$PY" -m pip install --quiet --disable-pip-version-check --editable "$target" ||
        die 'the installation failed; what pip said is above'
    for level in $stamp; do
        fingerprint >"$VENV/.ossemu-$level"
    done
}

is_usable() {
    is_new_enough "$PY" && "$PY" -m pip --version >/dev/null 2>&1
}

ensure_venv() {
    is_installed "$1" && return
    # Two scripts at once must not install into one virtualenv; where there is no flock (macOS)
    # that is left to the user.
    if command -v flock >/dev/null 2>&1; then
        exec 9>"$ROOT/.venv.lock"
        flock 9
    fi
    is_usable || make_venv
    is_installed "$1" || install_level "$1"
    { exec 9>&-; } 2>/dev/null
}
