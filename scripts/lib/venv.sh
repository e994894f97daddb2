# shellcheck shell=bash
# Sourced by the scripts beside it: brings `.venv` up to date, quickly when nothing changed.
#
# ensure_venv EXTRA      creates .venv if missing and installs hotclub with that extra, pinned by constraints.txt
# ensure_system COMMAND PACKAGE   installs a Debian package if the command is missing; fails if it may not

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
unset PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME VIRTUAL_ENV

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

find_command() { PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" command -v "$1"; }

apt_install() {
    local as=()
    find_command apt-get >/dev/null || return 1
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || return 1
        as=(sudo -n)
    fi
    say "Installing $* with apt-get …"
    local quiet=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
    # A fresh machine has no package lists yet: they are fetched only if the first try fails.
    "${as[@]}" "${quiet[@]}" install -y --no-install-recommends "$@" >/dev/null 2>&1 </dev/null && return 0
    "${as[@]}" "${quiet[@]}" update >&2 </dev/null || return 1
    "${as[@]}" "${quiet[@]}" install -y --no-install-recommends "$@" >&2 </dev/null
}

ensure_system() {
    find_command "$1" >/dev/null && return 0
    apt_install "$2"
}

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

make_venv() {
    local python
    python=$(find_python) || die "hotclub needs Python 3.11 or newer; on Debian 12: apt-get install python3"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        apt_install python3-venv || die "creating .venv: the Python module ensurepip is missing. Run as root: apt-get install python3-venv"
    fi
    say "Creating .venv …"
    "$python" -m venv --clear .venv
}

# The stamp names everything the installation depends on, so that a moved checkout or a changed pin installs again.
stamp_of() {
    printf 'root %s\nextra %s\npython %s\n' "$root" "$1" "$(.venv/bin/python -c 'import sys; print(sys.version)')"
    sha256sum pyproject.toml constraints.txt
}

is_current() {
    local stamp=".venv/hotclub-$1.stamp"
    [ -f "$stamp" ] && [ "$(stamp_of "$1")" = "$(cat "$stamp")" ]
}

ensure_venv() {
    local extra=$1 lock
    exec {lock}<pyproject.toml
    flock "$lock" # two scripts at once take turns
    .venv/bin/python -c 'import pip' 2>/dev/null || make_venv
    # `dev` contains `demo`, so one current stamp of it serves both.
    if ! is_current dev && ! is_current "$extra"; then
        say "Installing hotclub[$extra] into .venv …"
        # As a variable the constraints hold for the build's own environment too.
        PIP_CONSTRAINT="$root/constraints.txt" PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
            .venv/bin/python -m pip install --quiet --no-input --editable ".[$extra]" </dev/null
        stamp_of "$extra" >".venv/hotclub-$extra.stamp"
    fi
    exec {lock}<&-
}
