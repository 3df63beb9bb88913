"""What a test script needs around its oracle: skip when it is missing (fail under CI), find cases, compare bytes."""
import importlib
import os
import sys


missing = []


def skip(why):
    """Ends the script: skipped, or failed when CI is set, because there nothing may be missing."""
    print(("missing: " if os.environ.get("CI") else "skipped: ") + why)
    sys.exit(1 if os.environ.get("CI") else 77)


def modules(*names):
    """The named Python modules."""
    try:
        return [importlib.import_module(name) for name in names]
    except ImportError as error:
        skip(f"{error}; tests/setup.sh all installs it")


def case(path):
    """A file of the reference cases, or None when there are none here (CI: the script fails)."""
    full = os.path.join(os.environ.get("GGX_CASES", ""), path)
    if os.path.exists(full):
        return full
    if os.environ.get("CI"):
        print(f"missing: case {path}")
        sys.exit(1)
    missing.append(path)
    return None


def finish():
    """Ends a script whose checks passed; it counts as skipped when cases were missing."""
    if missing:
        skip(f"{len(missing)} cases are not here, the first is {missing[0]}")
    print("ok")


def first_difference(left, right):
    """Offset of the first byte that differs; None when they are equal."""
    for at, (a, b) in enumerate(zip(left, right)):
        if a != b:
            return at
    return None if len(left) == len(right) else min(len(left), len(right))
