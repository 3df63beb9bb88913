#!/bin/sh
# From a fresh Debian 12 to a first conversion: installs what the build needs, builds ggx, converts the sample network of the
# tree (tests/sample: trained handwritten digits, 16 × 16) to both of ggml's formats, and shows what came out.
set -eu

cd "$(dirname "$0")/.."
folder=build/demo
ggx=$folder/bin/ggx
sample=tests/sample/tiny-digits.weights

step()
{
    printf '\n== %s\n' "$*"
}

run()
{
    printf '\n$ ggx'
    printf ' %s' "$@"
    printf '\n'
    "$ggx" "$@"
}

step "What the build needs"
sh tests/setup.sh build
echo "a C compiler, CMake, Ninja and zlib are here"

step "Building ggx and its plugins in $folder"
mkdir -p build
if ! { cmake --preset release -DBUILD_TESTING=OFF -B "$folder" && cmake --build "$folder"; } >build/demo.log 2>&1; then
    cat build/demo.log
    exit 1
fi
ls -l "$ggx" | awk '{ print $NF ": " $5 " bytes" }'
run plugins

step "A Darknet network as a GGML .bin, its matrices in q4_0"
rm -f "$folder/tiny-digits-q4.bin" "$folder/tiny-digits-q4.gguf"
run --reader darknet --writer ggml-q4 $sample -o $folder/tiny-digits-q4.bin

step "What came out: a .bin does not say what its header holds, so inspect is told"
run inspect -O ggml.header=width,height,channels,classes,ftype $folder/tiny-digits-q4.bin

step "The same as GGUF, whose header has names"
run $sample -o $folder/tiny-digits-q4.gguf --type q4_0
run inspect $folder/tiny-digits-q4.gguf

step "Sizes"
wc -c $sample "$folder/tiny-digits-q4.bin" "$folder/tiny-digits-q4.gguf" | sed '$d'
