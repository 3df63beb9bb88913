#!/usr/bin/env python3
"""Writes the corpus sdk_json: small JSON texts, good and bad, one a grammar rule."""
import pathlib

TEXTS = {
    "empty": b"",
    "object": b'{"a":1,"b":[true,false,null],"c":{"d":"e"}}',
    "spaces": b' \t\r\n{ "a" : [ 1 , 2 ] }\n',
    "numbers": b"[0,-0,1.5,-2e3,1E+5,9223372036854775807,-9223372036854775808,18446744073709551616,4.9e-324]",
    "number_huge": b"1e400",
    "number_long": b"0." + b"0" * 400 + b"1e400",
    "escapes": rb'"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00"',
    "surrogate_alone": rb'"\ud800"',
    "utf8": '"é€😀"'.encode(),
    "utf8_overlong": b'"\xc0\x80"',
    "deep": b"[" * 64 + b"]" * 64,
    "too_deep": b"[" * 65,
    "open_string": b'{"a',
    "trailing_comma": b"[1,]",
    "after": b"{} {}",
    "index": b'{"metadata":{"total_size":4},"weight_map":{"a":"s-00001-of-00002.safetensors"}}',
}

folder = pathlib.Path(__file__).parent / "sdk_json"
folder.mkdir(exist_ok=True)
for name, text in TEXTS.items():
    (folder / name).write_bytes(text)
