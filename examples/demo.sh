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

# Two parts of at least 60 years do not fit into 100 years: the second of three steps fails.
try gage run nile min_years=60 -y && exit 1
try gage runs

# It goes on from there: the first step is completed, and nothing that went into it changed.
try gage restart nile min_years=10 --needed -y || exit

try gage runs
try gage show nile
try gage cat report report.txt | sed -n '24,36p'
try gage-manifest --check "$(gage select report --dir)" && echo "every file is as it was"
