"""Promise: what lies beside an unfinished output is believed only where it can be: journals of other plans, torn or forged records,
second writers, links, changed inputs and full disks never lead to wrong bytes or a partial file."""
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time

import flow

NAME, PART, JOURNAL = "out.gguf", ".out.gguf.ggx-part", ".out.gguf.ggx-journal"
BASE = ["model.safetensors", "--recipe", "none", "--memory", "2M", "--sync", "64K", "--threads", "1", "-o", NAME]


def words(kind):
    return [*BASE, "--type", kind]


def records():
    try:
        return max(0, (os.path.getsize(JOURNAL) - 64) // 16)
    except FileNotFoundError:
        return 0


def start(*command, until=3):
    """A run that has journalled a few tiles."""
    child = subprocess.Popen([flow.GGX, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    limit = time.monotonic() + 60
    while records() < until and child.poll() is None and time.monotonic() < limit:
        time.sleep(0.0005)
    return child


def killed(*command):
    """Leaves the files of a killed run; tries again when it was too quick."""
    for _ in range(20):
        clean()
        child = start(*command)
        child.kill()
        child.communicate()
        if records() and not os.path.exists(NAME):
            return
    raise SystemExit("FAIL: no run could be killed in the middle")


def clean():
    for name in os.listdir("."):
        if name not in ("model.safetensors", "changing.safetensors", "repeat.json"):
            os.remove(name)


def patch(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    flow.write_safetensors("model.safetensors", [(f"w{i}", [1024, 1024]) for i in range(8)])
    wanted = {}
    for kind in ("q4_0", "iq4_nl"): # blocks of equal size: the two outputs are laid out alike
        flow.run(*words(kind))
        wanted[kind] = flow.digest(NAME)
        clean()

    def expect(kind, what, resumed=None):
        done = json.loads(flow.run(*words(kind), "--json"))
        flow.check(flow.digest(NAME) == wanted[kind], f"{what}: other bytes")
        flow.check(resumed is None or done["resumed_tiles"] == resumed, f"{what}: {done['resumed_tiles']} tiles were resumed")
        flow.check(sorted(os.listdir(".")) == ["model.safetensors", NAME], f"{what}: left {os.listdir('.')}")

    killed(*words("iq4_nl"))
    expect("q4_0", "an unfinished file of another type", resumed=0)
    killed(*words("q4_0"))
    patch(JOURNAL, 64, struct.pack("<Q", 60)) # a record that now speaks of a tile that is not done
    expect("q4_0", "a forged record", resumed=0)
    killed(*words("q4_0"))
    patch(JOURNAL, 24, struct.pack("<Q", 1))
    expect("q4_0", "a forged header", resumed=0)
    killed(*words("q4_0"))
    os.truncate(PART, 1000)
    expect("q4_0", "an unfinished file that was cut", resumed=0)

    # A second writer is refused while the first works; the first is not disturbed.
    clean()
    first = start(*words("q4_0"))
    if first.poll() is None:
        flow.check("another ggx" in flow.run(*words("q4_0"), code=2), "a second writer was let in")
    flow.check(first.wait() == 0 and flow.digest(NAME) == wanted["q4_0"], "the first writer was disturbed")

    # SIGTERM cleans up as Ctrl-C does.
    clean()
    child = start(*words("q4_0"))
    child.send_signal(signal.SIGTERM)
    flow.check(child.wait() == 130 and os.listdir(".") == ["model.safetensors"], f"SIGTERM: {child.returncode}, {os.listdir('.')}")

    # A journal that is a link or a FIFO is not followed, opened or waited for.
    with open("victim", "w", encoding="ascii") as f:
        f.write("precious")
    os.symlink("victim", JOURNAL)
    flow.run(*words("q4_0"), code=None)
    flow.check(open("victim", encoding="ascii").read() == "precious", "a linked journal was followed")
    clean()
    os.mkfifo(JOURNAL)
    flow.run(*words("q4_0"), code=2, timeout=60)
    clean()

    # An input that changes while it is read: no output.
    shutil.copy("model.safetensors", "changing.safetensors")
    child = start("changing.safetensors", *words("q4_0")[1:])
    patch("changing.safetensors", os.path.getsize("changing.safetensors") - 4, b"\0\0\0\0")
    said = child.communicate()[1]
    flow.check(child.returncode == 6 and not os.path.exists(NAME), f"a changing input: exit {child.returncode}, {said!r}")
    clean()
    os.remove("changing.safetensors")

    # More output than the disk has room for is refused before anything is written, and before memory is taken for it.
    repeat = [{"repeat": {"axis": 0, "times": 100}}] * 4
    with open("repeat.json", "w", encoding="ascii") as f:
        json.dump({"id": "repeat", "tensors": [{"from": "w0", "to": "w", "do": repeat}, {"drop": "w{n}"}], "outputs": {"*": {}}}, f)
    flow.run("model.safetensors", "--recipe", "repeat.json", "-o", NAME, code=9)
    flow.check(sorted(os.listdir(".")) == ["model.safetensors", "repeat.json"], "a refused output left something")

    # Parts of two plans whose journals were put together by hand, and a shared file that was cut.
    parts = [w for w in words("q4_0")]
    flow.run(*parts, "--part", "0/2")
    os.rename(JOURNAL + ".0-of-2", "aside")
    flow.run(*words("iq4_nl"), "--part", "1/2")
    os.rename("aside", JOURNAL + ".0-of-2")
    flow.check("different settings" in flow.run("finish", NAME, code=2), "journals of two plans were put together")
    clean()
    flow.run(*parts, "--part", "0/2")
    flow.run(*parts, "--part", "1/2")
    shared, = [n for n in os.listdir(".") if n.startswith(PART)]
    os.truncate(shared, 1000)
    flow.run("finish", NAME, code=6)
    flow.check(not os.path.exists(NAME), "a cut file got the name")
print("ok")
