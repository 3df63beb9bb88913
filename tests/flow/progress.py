"""Promise: on a terminal a bar that goes away, in colour unless NO_COLOR is set; elsewhere plain lines; with --quiet nothing."""
import os
import pty
import subprocess
import tempfile

import flow


def on_terminal(words, **environment):
    """What a terminal would be sent."""
    pid, descriptor = pty.fork()
    if pid == 0:
        os.environ.pop("NO_COLOR", None)
        os.environ.update(environment, TERM="xterm")
        os.execv(flow.GGX, [flow.GGX, *words])
    out = b""
    while True:
        try:
            data = os.read(descriptor, 65536)
        except OSError: # the other end is closed
            break
        if not data:
            break
        out += data
    os.close(descriptor)
    flow.check(os.waitpid(pid, 0)[1] == 0, f"{words}: failed on a terminal: {out!r}")
    return out


with tempfile.TemporaryDirectory() as folder:
    model, out = os.path.join(folder, "m.safetensors"), os.path.join(folder, "o.gguf")
    flow.write_safetensors(model, [("w", [8192, 1024])])
    # Many tiles: the first that is done draws a bar, however fast the machine is.
    words = [model, "--recipe", "none", "--type", "q5_1", "-o", out, "--memory", "1M", "--sync", "64K"]
    coloured = on_terminal(words)
    flow.check(b"\r" in coloured and b"%" in coloured and b"\x1b[3" in coloured, f"no coloured bar: {coloured[:200]!r}")
    flow.check(b"o.gguf: 1 tensor" in coloured.rsplit(b"\x1b[K", 1)[1], "the bar does not go away before the result")
    plain = on_terminal(words, NO_COLOR="1")
    flow.check(b"%" in plain and b"\x1b[3" not in plain, "NO_COLOR is not honoured")
    flow.check(on_terminal([*words, "--quiet"]) == b"", "--quiet says something")
    piped = subprocess.run([flow.GGX, *words], capture_output=True, check=True)
    flow.check(b"\r" not in piped.stderr and b"\x1b" not in piped.stderr + piped.stdout, f"not plain: {piped.stderr!r}")
print("ok")
