"""Promise: transposing a tensor many times larger than the memory reads its source about once. 256 MiB in 8 MiB here; tests/bench
does 2 GB in 64 MiB."""
import json
import os
import tempfile

import flow

with tempfile.TemporaryDirectory() as folder:
    model, recipe = os.path.join(folder, "m.safetensors"), os.path.join(folder, "r.json")
    flow.write_safetensors(model, [("w", [8192, 8192])])
    with open(recipe, "w") as f:
        json.dump({"id": "t", "tensors": [{"from": "w", "to": "w", "do": ["transpose"]}], "outputs": {"*": {}}}, f)
    back = os.path.join(folder, "back.safetensors")
    size = os.path.getsize(model)
    done = json.loads(flow.run(model, "--recipe", recipe, "--memory", "8M", "-o", back, "--json"))
    flow.check(done["read_bytes"] <= 1.05 * size, f"{done['read_bytes'] / size:.2f} times the source was read")
    again = os.path.join(folder, "again.safetensors")
    flow.run(back, "--recipe", recipe, "--memory", "8M", "-o", again)
    with open(model, "rb") as first, open(again, "rb") as second:
        first.seek(-4 * 8192 * 8192, os.SEEK_END)
        second.seek(-4 * 8192 * 8192, os.SEEK_END)
        while block := first.read(1 << 24):
            flow.check(block == second.read(len(block)), "transposed twice, it is another tensor")
print(f"ok: {done['read_bytes'] / size:.3f} times the source was read")
