# Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Shared by the scripts; sourced, not run. Sets `root` and works from there.
set -euo pipefail
# What stands at the top of a script is its help.
case ${1:-} in
  -h | --help)
    awk 'NR > 4 { if (!sub(/^# ?/, "")) exit; print }' "$0"
    exit
    ;;
esac
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# Debian's own python: it is the one that Debian's numpy and pip belong to.
python=/usr/bin/python3
# Our allocations out of LLVM's pools poison memory that the packaged library then uses rightly.
export ASAN_OPTIONS=allow_user_poisoning=0
export TOKOPT_MODELS=${TOKOPT_MODELS:-$HOME/.cache/tokopt/models}

die() {
  echo "error: $*" >&2
  exit 1
}

# stage NAME COMMAND...: runs the command and remembers how long it took.
stage_report=()
stage() {
  local name=$1 start=$EPOCHREALTIME end
  shift
  echo "== $name"
  "$@"
  end=$EPOCHREALTIME
  stage_report+=("$(printf '%8.1f s  %s' "$(seconds_between "$start" "$end")" "$name")")
}

seconds_between() {
  echo $(((${2/[.,]/} - ${1/[.,]/}) / 1000))e-3
}

# configure FOLDER [CMAKE OPTIONS...]: Release with clang-22, or with g++ where that is missing.
configure() {
  local folder=$1 cc=gcc cxx=g++
  shift
  if command -v clang++-22 >/dev/null; then
    cc=clang-22 cxx=clang++-22
  fi
  cmake -G Ninja -S . -B "$folder" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_C_COMPILER=$cc -DCMAKE_CXX_COMPILER=$cxx "$@" | sed -n '/^-- Using\|warning/Ip'
}

# build_target FOLDER TARGET [CMAKE OPTIONS...]
build_target() {
  configure "$1" "${@:3}" && ninja -C "$1" --quiet "$2"
}
