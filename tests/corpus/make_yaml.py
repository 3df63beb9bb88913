#!/usr/bin/env python3
"""Writes the corpus core_yaml: small YAML texts, good and bad, one a rule."""
import pathlib

TEXTS = {
    "empty": b"",
    "card": b"license: mit\ntags:\n- a\n- \"no\"\nlanguage: [en, de]\nbase_model: a/b-7B # that one\ndatasets:\n  - x/y\n",
    "scalars": b"[no, 0x1f, 1_000, 12:30:45, .5, 1.5e+3, ~, 2024-05-06, -.inf, .nan, 007, 08, '', \"\\u00e9\\x41\"]\n",
    "blocks": b"a: |\n  two\n  lines\nb: >-\n  folded\n  text\n",
    "alias": b"a: &x {k: 1}\nb: *x\nc: {<<: *x, l: 2}\nd: {<<: [*x, {m: 3}]}\n",
    "itself": b"a: &x [*x]\n",
    "laughs": b"a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n",
    "twice": b"a: 1\na: 2\n",
    "tags": b"a: !!str 1\nb: !!float 3\nc: !x y\n",
    "documents": b"a: 1\n---\nb: 2\n",
    "deep": b"[" * 80,
    "key_is_list": b"[x]: y\n? [a]\n: b\n",
    "directive": b"%YAML 1.1\n%TAG !e! tag:e,2000:\n---\na: !e!x y\n",
    "bytes": b"a: \xff\n",
    "bom": b"\xef\xbb\xbfa: 1\n",
    "utf16": b"\xff\xfea\0:\0 \0001\0",
    "open": b"a: 'x\n",
    "indent": b"a:\n  b\n c: d\n",
}

folder = pathlib.Path(__file__).parent / "core_yaml"
folder.mkdir(exist_ok=True)
for name, text in TEXTS.items():
    (folder / name).write_bytes(text)
