#!/usr/bin/env python3
"""Writes expected.json: names, types, shapes and digests of all cases as TensorFlow reads them. By hand: GGX_CASES=… record.py"""
import json
import os
import pathlib

import tensorflow as tf

import frameworks

root = os.environ["GGX_CASES"]
cases = {case: frameworks.digests(frameworks.read(root, case, kind, other)) for case, kind, other in frameworks.CASES}
lines = []
for case, rows in cases.items():
    lines.append(f" {json.dumps(case)}: [\n" + ",\n".join("  " + json.dumps(row) for row in rows) + "\n ]")
text = "{\n" + f' "tensorflow": "{tf.__version__}",\n "cases": {{\n' + ",\n".join(lines) + "\n }\n}\n"
json.loads(text)
pathlib.Path(__file__).with_name("expected.json").write_text(text)
