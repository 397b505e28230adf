#!/usr/bin/env bash
# Makes an image that can grade: Python 3.11 or later and the packages of requirements.txt, pinned by requirements.pins.
# Runs once, when the image is built, with a network. An image made by the Dockerfile beside this file has all of it
# already, and then nothing is done here.
set -euo pipefail
cd "$(dirname "$0")"

if [ -d unit ]; then
  chmod 700 unit/solutions unit/tests/hidden unit/tests/mistakes 2>/dev/null || true
  chmod 600 seed.secret
fi

python=/opt/autograder/bin/python
if [ -x "$python" ]; then
  echo "This image is prepared already."
  exit 0
fi

found=
for each in python3.13 python3.12 python3.11 python3; do
  if "$each" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$each; break; fi
done
if [ -z "$found" ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  for each in 3.13 3.12 3.11; do
    if apt-get install -y -qq "python$each" "python$each-venv"; then found=python$each; break; fi
  done
fi
if [ -z "$found" ]; then
  echo "No Python 3.11 or later here, and apt has none: take a newer base image (Ubuntu 24.04, Debian 12)." >&2
  exit 1
fi

"$found" -m venv /opt/autograder
indexes=()
index=https://download.pytorch.org/whl/cpu
if "$python" -c "import urllib.request as r; r.urlopen('$index/torch/', timeout=5).read(1)" 2>/dev/null; then
  indexes=(--extra-index-url "$index")
fi
"$python" -m pip install --quiet --no-cache-dir ${indexes[@]+"${indexes[@]}"} --constraint requirements.pins \
  --requirement requirements.txt
