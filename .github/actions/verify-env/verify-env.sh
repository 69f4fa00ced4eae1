#!/usr/bin/env bash
# What the action runs. Its inputs are the variables of action.yml; MODELREG names a modelreg that is installed already.
set -euo pipefail

if [ -z "${MODELREG:-}" ]; then
    # In an environment of its own, so that what is checked stays as it is; from the action's own checkout.
    home="${RUNNER_TEMP:?}/modelreg"
    python3 -m venv "$home"
    "$home/bin/pip" install --quiet --disable-pip-version-check "$ACTION/../../..${EXTRAS:+[$EXTRAS]}"
    MODELREG="$home/bin/modelreg"
fi

arguments=(--format github --policy "${POLICY:-exact}")
if [ -n "${LOCK:-}" ]; then
    # With an interpreter beside it, modelreg refuses: one of the two would go unchecked.
    arguments+=(--lock "$LOCK" ${TARGET_PYTHON:+--python "$TARGET_PYTHON"})
else
    # The job's own Python, not the one that runs modelreg; an active environment goes before both.
    target="${TARGET_PYTHON:-}"
    if [ -z "$target" ] && [ -z "${VIRTUAL_ENV:-}" ] && [ -z "${CONDA_PREFIX:-}" ]; then target=$(command -v python3); fi
    if [ -n "$target" ]; then arguments+=(--python "$target"); fi
fi
if [ -n "${GROUP:-}" ]; then arguments+=(--group "$GROUP"); fi
if [ -n "${REGISTRY:-}" ]; then arguments+=(--registry "$REGISTRY"); fi
if [ "${ALLOW_UNCHECKED:-false}" = true ]; then arguments+=(--allow-unchecked); fi

# They may stand on lines of their own, and each is checked; read tells that there is no delimiter at the end.
read -r -d '' -a references <<<"${REFERENCES:-}" || true
exec "$MODELREG" verify-env "${arguments[@]}" -- ${references[@]+"${references[@]}"}
