"""Promise: kill -9 at any moment leaves no partial file under the final name, and the next run goes on from the journal to the
same bytes without redoing what was journalled. 50 kills, at least 30 of them between the first and the last tile (12 and 7 under sanitizers)."""
import json
import os
import random
import signal
import struct
import subprocess
import tempfile
import time

import flow

KILLS, BETWEEN = (12, 7) if flow.SANITIZED else (50, 30)


def journalled(path):
    """Number of distinct tiles in the journal: 64 bytes of header, then records of 16."""
    try:
        with open(path, "rb") as f:
            data = f.read()
    except FileNotFoundError:
        return 0
    return len({struct.unpack_from("<Q", data, at)[0] for at in range(64, len(data) - 15, 16)})


with tempfile.TemporaryDirectory() as folder:
    model = os.path.join(folder, "model.safetensors")
    flow.write_safetensors(model, [(f"w{i}", [1024, 1024]) for i in range(10)])
    out = os.path.join(folder, "out.gguf")
    journal = os.path.join(folder, ".out.gguf.ggx-journal")
    words = [model, "--recipe", "none", "--type", "q5_1", "--memory", "2M", "--sync", "64K", "--threads", "2", "-o", out, "--json"]
    started = time.monotonic()
    whole = json.loads(flow.run(*words))
    duration = time.monotonic() - started
    wanted, tiles = flow.digest(out), whole["tiles"]
    flow.check(whole["resumed_tiles"] == 0 and tiles >= 100, f"{tiles} tiles")
    rng = random.Random(50)
    between = 0
    for n in range(KILLS):
        os.remove(out)
        child = subprocess.Popen([flow.GGX, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if n % 5: # after the first record: the machine's speed does not decide where the kill falls
            threshold, limit = rng.randrange(1, tiles - 8), time.monotonic() + 60
            while journalled(journal) < threshold and child.poll() is None and time.monotonic() < limit:
                time.sleep(0.0005)
        else:
            time.sleep(rng.random() * duration)
        child.send_signal(signal.SIGKILL)
        killed = child.wait() == -signal.SIGKILL
        if os.path.exists(out):
            flow.check(flow.digest(out) == wanted, "the final name held a partial file")
        done = journalled(journal)
        if killed and 0 < done < tiles:
            between += 1
        second = json.loads(flow.run(*words))
        flow.check(flow.digest(out) == wanted, f"kill {n}: other bytes after resuming")
        if killed and 0 < done < tiles:
            flow.check(second["resumed_tiles"] == done, f"kill {n}: {done} tiles were journalled, {second['resumed_tiles']} resumed")
        flow.check(sorted(os.listdir(folder)) == ["model.safetensors", "out.gguf"], "something was left behind")
    flow.check(between >= BETWEEN, f"only {between} of {KILLS} kills fell between the first and the last tile")
    # Ctrl-C leaves nothing behind.
    os.remove(out)
    child = subprocess.Popen([flow.GGX, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while journalled(journal) < 2 and child.poll() is None:
        time.sleep(0.0005)
    child.send_signal(signal.SIGINT)
    flow.check(child.wait() == 130, f"exit {child.returncode} after Ctrl-C")
    flow.check(os.listdir(folder) == ["model.safetensors"], f"Ctrl-C left {os.listdir(folder)}")
print(f"ok: {between} of {KILLS} kills between the first and the last tile")
