#!/bin/sh
# From a fresh Debian 12 to a first conversion: installs what the build needs, builds ggx, converts the sample network of the
# tree and shows what came out.
set -eu

cd "$(dirname "$0")/.."
sh tests/setup.sh build

cmake --preset release -DBUILD_TESTING=OFF -B build/demo >/dev/null
cmake --build build/demo

run()
{
    echo
    echo "\$ ggx $*"
    build/demo/bin/ggx "$@"
}

out=build/demo/tiny-digits-q4.bin
rm -f "$out"
run --reader darknet --writer ggml-q4 tests/sample/tiny-digits.weights -o "$out"
echo
ls -l tests/sample/tiny-digits.weights "$out"
run inspect "$out"
