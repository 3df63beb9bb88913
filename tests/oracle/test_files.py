"""Copying a checkpoint runs no program, talks to nobody, and opens nothing but the source, what lies beside it, the output, ggx's own plugins and
data, and what the C library asks for: seen by strace, one file of each format, and one whose pickle asks for more."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import oracle

GGX, BUILD = os.environ["GGX"], os.environ["GGX_BUILD"]
FILES = {
    "safetensors": ["real/safetensors/burn_multi/multi_layer.safetensors"],
    "pth": ["real/pth/burn_reader/reader/test_data/state_dict.pt"],
    "pth stream": ["real/pth/lpips/v0.0/alex.pth"],
    "tf": ["real/tf/half_plus_two_tf2/variables/variables.index", "real/tf/half_plus_two_tf2/variables/variables.data-00000-of-00001"],
    "hf-h5": ["real/h5/pyfive/latest.hdf5"],
    "keras": ["real/h5/keras-zip-art/model_test_functionally_equivalent_extraction.keras"],
    "npz": ["real/npz/whisper_mel/mel_filters.npz"],
    "darknet": ["real/darknet/yoloface-50k/yoloface-50k.weights", "real/darknet/yoloface-50k/yoloface-50k.cfg"],
    "gguf": ["real/gguf/ggml-vocab-gpt-2.gguf"],
    "ggml": ["golden/01-gpt2-ckpt/expect/ggml-model-f32.bin"],
}
OPTIONS = {"ggml": ["-O", "ggml.header=n_vocab,n_ctx,n_embd,n_head,n_layer,ftype,tokens,vocab:str*tokens"]}
SYSTEM = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/etc/ld.so.", "/proc/self/", "/proc/meminfo", "/proc/cpuinfo", "/proc/sys/vm/", "/sys/devices/system/cpu", "/sys/fs/cgroup",
          "/usr/share/locale", "/usr/lib/locale", "/dev/null", "/dev/urandom", "/etc/localtime")
OPENS = re.compile(r"\b(?:openat2?|open|creat)\((?:(?:AT_FDCWD|\d+)<(?P<at>[^>]*)>, |AT_FDCWD, )?\"(?P<path>[^\"]*)\"(?P<rest>.*)")
CALLS = re.compile(r"^(?:\d+ +)?(?:\[pid +\d+\] )?(\w+)\(")


def trace(arguments, log):
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0:exitcode=99")  # LeakSanitizer is a tracer itself
    ran = subprocess.run(["strace", "-f", "-y", "-s", "4096", "-e", "trace=%process,%network,open,openat,openat2,creat,memfd_create", "-o", log, *arguments],
                         capture_output=True, text=True, timeout=120, env=environment)
    assert "ptrace" not in ran.stderr, ran.stderr
    return ran.returncode, pathlib.Path(log).read_text().splitlines()


def allowed(path, folder, out):
    plain = os.path.normpath(path)
    return plain.startswith((str(folder), str(out), BUILD)) or (plain + "/").startswith(SYSTEM) or plain.startswith(SYSTEM)


def check(what, lines, folder, out):
    programs = 0
    for line in lines:
        call = CALLS.match(line)
        name = call.group(1) if call else ""
        programs += name in ("execve", "execveat")
        assert name not in ("fork", "vfork", "socket", "socketpair", "connect", "sendto", "memfd_create"), f"{what}: {line}"
        opened = OPENS.search(line)
        if opened:
            path = os.path.join(opened["at"] or os.getcwd(), opened["path"])
            assert allowed(path, folder, out), f"{what} opens {path}: {line}"
            flags = opened["rest"]
            assert not any(f in flags for f in ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC")) or not path.startswith(str(folder)), f"{what} writes: {line}"
    assert programs == 1, f"{what}: {programs} programs"  # ggx itself
    assert any(str(folder) in line for line in lines), f"{what}: the trace shows nothing"


def hostile(folder):
    """A stream that asks for os.system: refused, and nothing of it happens."""
    path = folder / "evil.pt"
    path.write_bytes(b"\x80\x02cposix\nsystem\nX" + (20).to_bytes(4, "little") + b"touch ./ggx-evilness" + b"\x85R.")
    return path


def main():
    if not shutil.which("strace"):
        oracle.skip("strace is not here; tests/setup.sh all installs it")
    with tempfile.TemporaryDirectory() as work:
        log, out = os.path.join(work, "trace"), pathlib.Path(work).resolve() / "out"
        out.mkdir()
        for what, names in FILES.items():
            found = [oracle.case(name) for name in names]
            if not all(found):
                continue
            folder = pathlib.Path(work).resolve() / what.replace(" ", "-")
            folder.mkdir()
            for path in found:
                shutil.copy(path, folder)
            code, lines = trace([GGX, str(folder / pathlib.Path(found[0]).name), "-o", str(out / ("copy.gguf" if what in ("gguf", "ggml") else "copy.safetensors")), "--recipe", "none",
                                 "--quiet", *OPTIONS.get(what, [])], log)
            assert code == 0, f"{what}: {code}\n" + "\n".join(lines[-5:])
            check(what, lines, folder, out)
        folder = pathlib.Path(work).resolve() / "evil"
        folder.mkdir()
        code, lines = trace([GGX, "inspect", "--reader", "pth", str(hostile(folder))], log)
        assert 2 <= code <= 13, code
        check("a pickle that calls", lines, folder, folder)
    oracle.finish()


main()
