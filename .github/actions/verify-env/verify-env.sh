#!/usr/bin/env bash
# What the action runs. Its inputs are the variables of action.yml; MODELREG names a modelreg that is installed already.
set -euo pipefail

python=$(command -v python3 || command -v python) || {
    echo "there is no Python on the PATH; add actions/setup-python before this step" >&2
    exit 4
}

if [ -z "${MODELREG:-}" ]; then
    # In an environment of its own, so that what is checked stays as it is; from the action's own checkout. What the job
    # has on PYTHONPATH or in its working folder stays out of it.
    home="${RUNNER_TEMP:?}/modelreg"
    "$python" -I -m venv "$home"
    scripts="$home/bin"
    if [ -d "$home/Scripts" ]; then scripts="$home/Scripts"; fi # Windows
    checkout=$(cd "$ACTION/../../.." && { pwd -W 2>/dev/null || pwd; }) # -W: as Windows writes it
    PYTHONPATH="" "$scripts/pip" install --quiet --disable-pip-version-check "$checkout${EXTRAS:+[$EXTRAS]}"
    MODELREG="$scripts/modelreg"
fi

arguments=(--format github --policy "${POLICY:-exact}")
if [ -n "${LOCK:-}" ]; then
    # With an interpreter beside it, modelreg refuses: one of the two would go unchecked.
    arguments+=(--lock "$LOCK" ${TARGET_PYTHON:+--python "$TARGET_PYTHON"})
else
    # The job's own Python, not the one that runs modelreg; an active environment goes before both.
    target="${TARGET_PYTHON:-}"
    if [ -z "$target" ] && [ -z "${VIRTUAL_ENV:-}" ] && [ -z "${CONDA_PREFIX:-}" ]; then
        target=$("$python" -I -c "import sys; sys.stdout.write(sys.executable)")
    fi
    if [ -n "$target" ]; then arguments+=(--python "$target"); fi
fi
if [ -n "${GROUP:-}" ]; then arguments+=(--group "$GROUP"); fi
if [ -n "${REGISTRY:-}" ]; then arguments+=(--registry "$REGISTRY"); fi
if [ "${ALLOW_UNCHECKED:-false}" = true ]; then arguments+=(--allow-unchecked); fi

# They may stand on lines of their own, and each is checked; read tells that there is no delimiter at the end.
read -r -d '' -a references <<<"${REFERENCES:-}" || true
exec "$MODELREG" verify-env "${arguments[@]}" -- ${references[@]+"${references[@]}"}
