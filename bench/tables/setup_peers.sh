#!/usr/bin/env bash
# Makes the virtual environments of the peers, under $BENCH_VENVS or bench/venvs.
# Usage: setup_peers.sh [core] [torch] [keras] [ag]      (all four when none is named; Python 3.11)
set -euo pipefail

root="${BENCH_VENVS:-$(cd "$(dirname "$0")/.." && pwd)/venvs}"
python="${PYTHON:-python3.11}"

install() {
    "$root/$venv/bin/pip" install -q "$@"
}

mkdir -p "$root"
[ $# -gt 0 ] || set -- core torch keras ag
for venv in "$@"; do
    [ -d "$root/$venv" ] || "$python" -m venv "$root/$venv"
    case "$venv" in
        core) install numpy pandas pyarrow scikit-learn psutil lightgbm catboost optuna 'flaml[automl]' ;;
        torch)
            install torch==2.13.0 # alone first: pytabkit's own requirement would bring in a build for GPUs
            install torch==2.13.0 'pytabkit[models]==1.7.3' pandas pyarrow psutil optuna
            ;;
        keras) install jax jaxlib keras keras-tuner six pandas pyarrow scikit-learn psutil ;;
        ag)
            install torch==2.13.0
            install torch==2.13.0 'autogluon.tabular[lightgbm,catboost,xgboost,fastai,tabm,realmlp]==1.6.3'
            ;;
        *)
            echo "setup_peers.sh: no such environment: $venv" >&2
            exit 2
            ;;
    esac
    # Compiled beforehand, so that no method's budget pays for it. Some packages ship files for other Python versions
    # that do not compile here; they are never imported.
    "$root/$venv/bin/python" -m compileall -q "$root/$venv/lib" >/dev/null 2>&1 || true
done
