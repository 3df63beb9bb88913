"""Promises: a disk that fills up while files arrive is exit code 9, what came is kept, and the next run goes on there; too little room is said
before the first byte, for all files together. A cache that is read-only, for root too, serves what it has.

Runs itself again in a mount namespace of its own, for a small disk and a read-only one. Where no namespace is to be had, a limit on the size of
files stands for the small disk, and a run without privileges for the read-only one."""
import os
import resource
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
if "GGX_NAMESPACE" not in os.environ:
    for words in (["unshare", "-m"], ["unshare", "-Urm"]):
        probe = [*words, "sh", "-c", "mount -t tmpfs -o size=1m none /mnt && mount --bind /mnt /mnt"]
        if shutil.which("unshare") and subprocess.run(probe, capture_output=True).returncode == 0:
            os.environ["GGX_NAMESPACE"] = "own"
            os.execvp("unshare", [*words, sys.executable, os.path.abspath(__file__)])
    os.environ["GGX_NAMESPACE"] = "none"

import common
import flow
from common import HUB, LARGE, check

OWN = os.environ["GGX_NAMESPACE"] == "own"
MIB = 1 << 20
case = common.Case(size=24 * MIB, **{"other.dat": bytes(9 * MIB)})
SIZE = len(case.data)
PART, HAVE = f".{LARGE}.ggx-part", f".{LARGE}.ggx-have"
WAYS = (("--connections", 1), ("--connections", 4, "--segment-size", "2M"))


def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)


def good(what):
    with open(case.target(""), "rb") as f:
        check(f.read() == case.data, f"{what}: other bytes")
    check(case.left() == [LARGE], f"{what}: {case.left()}")


def take_up(way, what):
    """What is left is what the next run needs."""
    check(case.left() == sorted((PART, HAVE)), f"{what}: {case.left()}")
    have = common.kept(os.path.join(case.folder, HAVE))
    check(have >= 4 * MIB, f"{what}: {have} bytes were kept")
    case.hub.sent, case.hub.faults = 0, {}
    case.run("fetch", HUB, "-o", case.folder, *way)
    check(case.hub.sent <= SIZE - have + MIB, f"{what}: {case.hub.sent} bytes were fetched though {have} were kept")
    good(what)


def small_disk():
    os.mkdir(case.folder)
    mount("-t", "tmpfs", "-o", "size=30m", "none", case.folder)
    filler = case.path("out", "filler")
    case.hub.sent = 0
    check("free" in case.run("fetch", "hf://org/model", "-o", case.folder, code=9), "room for one of two files")
    check(case.hub.sent < MIB, "bytes came though there is no room for all")
    for name in case.left():
        path = os.path.join(case.folder, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    for way in WAYS:
        case.hub.faults, case.hub.sent = {"hold": 10 * MIB}, 0
        child = case.start("fetch", HUB, "-o", case.folder, *way)
        while case.hub.sent < 10 * MIB and child.poll() is None:
            time.sleep(0.01)
        try:
            with open(filler, "wb", buffering=0) as f: # others fill the disk
                while True:
                    f.write(bytes(MIB // 4))
        except OSError:
            pass
        case.hub.faults = {}
        check(child.wait(60) == 9, f"{way}: exit {child.returncode} on a disk that fills up")
        check("free some space" in case.run("fetch", HUB, "-o", case.folder, *way, code=9), "still full")
        os.remove(filler)
        take_up(way, way)
        os.remove(case.target(""))
    # The same through another verb, into the cache.
    os.mkdir(case.cache)
    mount("-t", "tmpfs", "-o", "size=10m", "none", case.cache)
    case.run(HUB, *case.words, "-o", case.path("out.gguf"), code=9)
    check(not os.path.exists(case.path("out.gguf")), "an output without a model")
    subprocess.run(["umount", case.cache], check=True)
    subprocess.run(["umount", case.folder], check=True)


def room_for_the_output():
    """Original and output together, on one disk or on two: said before the original is fetched."""
    model = common.Case()
    words = (*model.words[:2], "--type", "f32")
    place, apart = model.path("place"), model.path("apart")
    for folder, size in ((place, "48m"), (apart, "80m")):
        os.mkdir(folder)
        mount("-t", "tmpfs", "-o", f"size={size}", "none", folder)
    out = os.path.join(place, "out.gguf")
    for cache, source in ((place, HUB), (place, model.url), (model.path("cache"), HUB)):
        if cache != place: # the other disk has room, this one has not
            with open(os.path.join(place, "filler"), "wb") as f:
                f.write(bytes(30 * MIB))
        model.hub.sent = 0
        said = model.run(source, *words, "-o", out, code=9, HF_HUB_CACHE=os.path.join(cache, "hub"), XDG_CACHE_HOME=os.path.join(cache, "xdg"))
        check("free some space" in said and ("output" in said or cache != place), said)
        check(model.hub.sent < 2 * MIB, f"{model.hub.sent} bytes came though the output has no room")
    out = os.path.join(apart, "out.gguf")
    model.run(HUB, *words, "-o", out, HF_HUB_CACHE=os.path.join(apart, "hub"))
    check(os.path.getsize(out) > 20 * MIB, "with room for both")
    for folder in (place, apart):
        subprocess.run(["umount", folder], check=True)


def limited():
    """Every file ends at 12 MiB, as on a disk that is full there."""
    for way in WAYS:
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (12 * MIB, 12 * MIB))
        child = subprocess.run([flow.GGX, "fetch", HUB, "-o", case.folder, *map(str, way)], env=case.environment, capture_output=True,
                               text=True, timeout=120, preexec_fn=limit)
        check(child.returncode == 9, f"{way}: exit {child.returncode} at a limit\n{child.stderr}")
        take_up(way, way)
        case.clear()


def read_only_run(*words, code=0):
    """Where no disk can be made read-only, without root's privilege to write anywhere."""
    drop = [] if OWN or os.getuid() else ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]
    done = subprocess.run([*drop, flow.GGX, *map(str, words)], capture_output=True, text=True, timeout=120, env=case.environment)
    check(done.returncode == code, f"{words}: exit {done.returncode}, expected {code}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def read_only():
    case.clear()
    xdg, out = case.path("xdg"), case.path("converted")
    case.run("fetch", HUB, case.url)
    os.mkdir(out)
    if OWN:
        for place in (case.cache, xdg):
            mount("--bind", place, place)
            mount("-o", "remount,ro,bind", place)
    else:
        subprocess.run(["chmod", "-R", "a-w,a+rX", case.cache, xdg], check=True)
    case.hub.sent = 0
    read_only_run("fetch", HUB, case.url)
    read_only_run("fetch", "hf://org/model/" + LARGE)
    read_only_run("cache", "verify")
    read_only_run("cache", "prune")
    check(case.hub.sent == 0, "fetched in spite of the cache")
    said = read_only_run("fetch", "hf://org/model/other.dat", code=4)
    check("cannot" in said, said)
    read_only_run("fetch", case.hub.base + "/files/other.dat", code=4)
    read_only_run("cache", "rm", "hf://org/model", code=4)
    read_only_run("fetch", "hf://org/model/other.dat", "-o", out)
    check(os.path.exists(os.path.join(case.snapshot, LARGE)), "the cache lost something")
    if OWN:
        for place in (case.cache, xdg):
            subprocess.run(["umount", place], check=True)
    subprocess.run(["chmod", "-R", "u+w", case.cache, xdg], check=True)


if OWN:
    small_disk()
    room_for_the_output()
limited()
read_only()
print("ok" if OWN else "ok, without a mount namespace: a limit and permissions stood for disks")
