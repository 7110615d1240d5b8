#!/bin/sh
# A real analysis of real data, as a person would do it: when did the flow of the Nile change?
# Usage: demo.sh [DIR]; the project is copied to DIR, .demo without it, and run there.
set -u
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-.demo}
mkdir -p "$dir" && cd "$dir" || exit
rm -rf nile && cp -R "$here/nile" nile && cd nile || exit

try() {
    printf '\n$ %s\n' "$*"
    "$@"
}

try gage ops
try gage run prepare -y || exit

# Two parts of at least 60 years do not fit into 100 years: this run fails, and says why.
try gage run fit min_years=60 -y && exit 1
try gage runs
try gage log @

try gage run fit min_years=10 -y || exit
try gage run report -y || exit
try gage runs
try gage show fit
try gage cat report.txt | sed -n '24,36p'
try gage-manifest --check "$(gage select report --dir)" && echo "every file is as it was"
