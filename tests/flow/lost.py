"""Promise: parts never vouch for bytes that are gone. Whatever is killed, removed or cut between the parts and `ggx finish`, what gets the
final name has the bytes of a straight run; nothing that is being read is replaced, and an output keeps its permissions."""
import glob
import os
import shutil
import stat
import subprocess
import tempfile

import flow

STRACE = shutil.which("strace")


def partial(folder):
    (name,) = glob.glob(os.path.join(folder, ".o.gguf.ggx-part.*"))
    return name


def until_finished(words, out, wanted, what):
    """Follows the advice that ggx gives: the parts again, then finish."""
    for _ in range(3):
        for part in ("0/2", "1/2"):
            flow.run(*words, "-o", out, "--part", part)
        if subprocess.run([flow.GGX, "finish", out], capture_output=True).returncode == 0:
            break
    flow.check(flow.digest(out) == wanted, f"{what}: other bytes under the final name")
    left = [n for n in os.listdir(os.path.dirname(out)) if "ggx-" in n]
    flow.check(not left, f"{what}: left {left}")
    os.remove(out)


with tempfile.TemporaryDirectory() as folder:
    model, out = os.path.join(folder, "m.safetensors"), os.path.join(folder, "o.gguf")
    flow.write_safetensors(model, [(f"w{i}", [64, 256]) for i in range(9)])
    words = [model, "--recipe", "none", "--type", "q8_0"]
    flow.run(*words, "-o", out)
    wanted = flow.digest(out)
    os.remove(out)
    for what, damage in (("removed", os.remove), ("cut short", lambda p: os.truncate(p, 100))):
        for after in (1, 2):
            for part in range(after):
                flow.run(*words, "-o", out, "--part", f"{part}/2")
            damage(partial(folder))
            flow.run(*words, "-o", out, "--part", "1/2" if after == 1 else "0/2")
            done = subprocess.run([flow.GGX, "finish", out], capture_output=True, text=True)
            flow.check(done.returncode == 3 and "not done yet" in done.stderr, f"{what} after {after} parts: finish gave {done.returncode}: {done.stderr}")
            until_finished(words, out, wanted, f"{what} after {after} parts")
    # finish is killed at its first rename, and at each of the journals that it removes.
    for calls, when in (("rename,renameat,renameat2", 1), ("unlink,unlinkat", 1), ("unlink,unlinkat", 2)):
        for part in ("0/2", "1/2"):
            flow.run(*words, "-o", out, "--part", part)
        if STRACE and not flow.SANITIZED:
            subprocess.run([STRACE, "-f", "-o", os.devnull, "-e", f"inject={calls}:signal=KILL:when={when}", flow.GGX, "finish", out], capture_output=True)
            flow.check(not os.path.exists(out) or flow.digest(out) == wanted, "a partial file under the final name")
        until_finished(words, out, wanted, f"finish killed at {calls} {when}")
    # Two parts that begin at the same moment share one file.
    for _ in range(5):
        both = [subprocess.Popen([flow.GGX, *words, "-o", out, "--part", f"{part}/2", "--quiet"]) for part in range(2)]
        flow.check([child.wait() for child in both] == [0, 0], "parts that begin together")
        flow.run("finish", out)
        flow.check(flow.digest(out) == wanted, "parts that began together: other bytes")
        os.remove(out)
    # What is read is not replaced; what is replaced keeps its permissions.
    recipe = os.path.join(folder, "r.json")
    with open(recipe, "w", encoding="utf-8") as file:
        file.write('{"id": "r", "about": "x", "tensors": [{"from": "{n...}", "to": "{n}"}]}')
    before = flow.digest(recipe)
    flow.check("being read" in flow.run(model, "--recipe", recipe, "--writer", "gguf", "-o", recipe, code=2), "the recipe was replaced")
    flow.check(flow.digest(recipe) == before, "the recipe has changed")
    flow.check("one of the models" in flow.run("quality", model, model, "--html", model, code=2), "a page over a model")
    flow.run(*words, "-o", out)
    os.chmod(out, 0o600)
    flow.run(*words, "-o", out)
    flow.check(stat.S_IMODE(os.stat(out).st_mode) == 0o600, "the output can be read by others now")
print("ok")
