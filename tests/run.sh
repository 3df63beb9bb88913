#!/bin/sh
# Builds ggx and runs every test, from a fresh Debian 12 on:
#   tests/run.sh                  format and release: every test there is, on the optimized build
#   tests/run.sh all              besides, clang-tidy, the suite under sanitizers, short fuzzing, and the aarch64 build
#   tests/run.sh release asan     only these steps, of: format tidy release asan tsan fuzz aarch64
# The last line is "N passed, N failed, N skipped" over all steps; the exit code says whether any failed. A test skips itself
# (exit 77) when what it compares with is not on this machine; with CI=true that is a failure.
set -u

cd "$(dirname "$0")/.." || exit 1
GGX_ORACLES=${GGX_ORACLES:-$PWD/.oracles}
export GGX_ORACLES
jobs=$(nproc)
passed=0
failed=0
skipped=0
failures=

# count PASSED FAILED SKIPPED STEP
count()
{
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
    [ "$2" = 0 ] || failures="$failures $4"
}

# check NAME COMMAND…: a command that counts as one test.
check()
{
    name=$1
    shift
    if "$@"; then
        count 1 0 0 "$name"
    else
        echo "run: $name failed" >&2
        count 0 1 0 "$name"
    fi
}

attribute()
{
    value=$(sed -n "s/.*<testsuite.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p;s/^[[:space:]]*$1=\"\([0-9]*\)\".*/\1/p" "$2" | head -n 1)
    echo "${value:-0}"
}

# build_and_test PRESET TARGET CMAKE-OPTIONS CTEST-OPTIONS…
build_and_test()
{
    preset=$1
    target=$2
    options=$3
    shift 3
    # shellcheck disable=SC2086 # a list of words
    if ! { cmake --preset "$preset" -DCMAKE_C_FLAGS=-Werror $options >"build/$preset.log" 2>&1 || { cat "build/$preset.log"; false; }; } ||
        ! cmake --build "build/$preset" --target "$target" -- --quiet; then
        count 0 1 0 "$preset:build"
        return
    fi
    report=$PWD/build/$preset/junit.xml
    rm -f "$report"
    ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$jobs" --output-junit "$report" "$@"
    code=$?
    if [ ! -f "$report" ]; then
        count 0 1 0 "$preset:ctest"
        return
    fi
    # A test whose program is missing is "skipped" for the report too; only those that said so themselves are skipped here.
    # Disabled are those that this kind of build cannot have: they do not count.
    unrun=$(grep -c 'SKIP_RETURN_CODE=77' "$report")
    bad=$(($(attribute failures "$report") + $(attribute skipped "$report") - unrun))
    total=$(($(attribute tests "$report") - $(attribute disabled "$report")))
    if [ "$code" != 0 ] && [ "$bad" = 0 ]; then bad=1 total=$((total + 1)); fi
    names=$(cut -d : -f 2 "build/$preset/Testing/Temporary/LastTestsFailed.log" 2>/dev/null | sed "s/^/$preset:/" | tr '\n' ' ')
    count $((total - bad - unrun)) "$bad" "$unrun" "${names:-$preset}"
}

c_files()
{
    find core plugins sdk include tests -name '*.[ch]' -type f | LC_ALL=C sort
}

check_format()
{
    c_files | xargs clang-format-14 --dry-run --Werror
}

# clang-tidy reads how each file is compiled from the release configuration. One file a run: its analyzer carries state from one to the next.
check_tidy()
{
    cmake --preset release >/dev/null &&
        find core plugins sdk/src sdk/check -name '*.c' -type f 2>/dev/null | LC_ALL=C sort |
        xargs -n 1 -P "$jobs" clang-tidy-14 --quiet --warnings-as-errors='*' -p build/release 2>/dev/null
}

# fuzz_briefly TARGET: from its corpus on, long enough to meet what is easily met. New inputs stay in the build folder.
fuzz_briefly()
{
    corpus=tests/corpus/$(basename "$1" | sed 's/^fuzz_//')
    work=$1.corpus
    mkdir -p "$work"
    [ -d "$corpus" ] || corpus=
    if "$1" -seed=1 -max_total_time=10 -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$1-" "$work" $corpus >"$1.log" 2>&1; then
        return 0
    fi
    tail -n 60 "$1.log"
    return 1
}

run_step()
{
    case $1 in
    format) check format check_format ;;
    tidy) check tidy check_tidy ;;
    release) build_and_test release all "" ;;
    asan) build_and_test asan all "" ;;
    # What runs in one thread has nothing to show here, and takes ten times as long.
    tsan) build_and_test tsan all "" -E '^(reader_|replay_|writers|oracle_|kernels|simd|sample_|hygiene|golden_|quality|hostile_)' ;;
    fuzz)
        build_and_test fuzz fuzz "" -R "^replay_"
        for target in build/fuzz/tests/fuzz_*; do
            [ -x "$target" ] && check "$(basename "$target")" fuzz_briefly "$target"
        done
        ;;
    aarch64)
        # The cross build finds its libraries where tests/setup.sh unpacked them; its unit tests run under qemu-user.
        export PKG_CONFIG_SYSROOT_DIR="$GGX_ORACLES/aarch64"
        export PKG_CONFIG_LIBDIR="$GGX_ORACLES/aarch64/usr/lib/aarch64-linux-gnu/pkgconfig"
        build_and_test cross-aarch64 all "-DCMAKE_PREFIX_PATH=$GGX_ORACLES/aarch64/usr" -L unit
        unset PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR
        ;;
    *)
        echo "run: no step is called $1; there are: format tidy release asan tsan fuzz aarch64" >&2
        exit 2
        ;;
    esac
}

# A finding of a sanitizer ends the program with a code that ggx itself never gives. An allocation that is too large has to
# come back as NULL, as it does without a sanitizer.
export ASAN_OPTIONS=exitcode=99:allocator_may_return_null=1:detect_stack_use_after_return=1:strict_string_checks=1
export LSAN_OPTIONS=exitcode=99
export UBSAN_OPTIONS=exitcode=99:halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=exitcode=99:halt_on_error=1:allocator_may_return_null=1:second_deadlock_stack=1

sh tests/setup.sh all || exit 1
mkdir -p build
[ $# -gt 0 ] || set -- format release
[ "$1" != all ] || set -- format release tidy asan tsan fuzz aarch64
for step in "$@"; do
    echo "== $step"
    start=$(date +%s)
    run_step "$step"
    echo "== $step: $(($(date +%s) - start)) s"
done

if [ "${CI:-}" = true ] && [ "$skipped" != 0 ]; then
    echo "run: skipped tests count as failures with CI=true" >&2
    failed=$((failed + skipped))
    skipped=0
fi
[ -z "$failures" ] || echo "run: failures in:$failures" >&2
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
