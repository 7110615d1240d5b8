#!/bin/sh
# A pipeline by hand: begun, linked, staged and run step by step, and taken up where it failed.
# Usage: pipeline.sh PROJECT RUNS [NAME=VALUE]...
#   PROJECT is that of ../nile, RUNS is where the runs are kept, and the values are for `fit`.
set -eu
project=$1
runs=$2
shift 2
all=$runs/nile

# Run the staged run $1 to its end; one that ends otherwise than well is finished all the same.
run() {
    code=0
    gage-exec "$1" || code=$?
    gage-finalize "$1"
    return "$code"
}

# Bring the step $1 to its end with the values behind it, from wherever it was left.
step() {
    name=$1
    step=$runs/$1
    shift
    if ! [ -d "$step.meta" ]; then
        # It knows its pipeline: the files that it needs are those of the steps linked before.
        gage-init "$step" -C "$project" --parent "$all" "$name" "$@"
        gage-link-steps "$all" "$step"
    fi
    case $(gage-status "$step") in
    completed) return ;;
    pending) gage-stage "$step" ;;
    exited | terminated)
        gage-finalize "$step"
        gage-reopen "$step" "$@"
        ;;
    error) gage-reopen "$step" "$@" ;;
    esac
    run "$step"
}

# The pipeline is a run as any other, and its command is to run what it is linked to.
mkdir -p "$runs"
if ! [ -d "$all.meta" ]; then
    echo '{"sourcecode": false}' > "$runs/opdef.json"
    gage-init "$all" --opdef "$runs/opdef.json" --opref nile -- gage-run-steps .
    gage-stage "$all"
fi

step prepare
step fit "$@"
step report

# Nothing is left to do for it now, unless a step has other files than were taken from it.
if [ "$(gage-status "$all")" = staged ]; then
    GAGE_STEPS=--needed run "$all"
fi
gage-link-steps "$all" --check
gage-status "$runs/prepare" "$runs/fit" "$runs/report" "$all"
