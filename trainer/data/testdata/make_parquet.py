"""Makes testdata/parquet with pyarrow (26.0.1), which most data sets in Parquet are written with.

Run from this directory: python make_parquet.py
"""

import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

out = pathlib.Path("parquet")
out.mkdir(exist_ok=True)

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
SHAREGPT = pa.list_(pa.struct([("from", pa.string()), ("value", pa.string()), ("weight", pa.float64())]))


def chat(*contents):
    return [{"role": ("user", "assistant")[i % 2], "content": content} for i, content in enumerate(contents)]


# Columns of every kind beside the text, nulls among them, in row groups of three.
rows = pa.table({
    "id": pa.array([1, 2, 3, 4]),
    "text": pa.array(["a", "b\nc", "", "é"]),
    "tags": pa.array([["x", None], [], None, ["y"]], pa.list_(pa.string())),
    "image": pa.array([{"bytes": b"\xff\x00", "path": "p"}, None, {"bytes": None, "path": None}, {"bytes": b"1", "path": "q"}]),
    "score": pa.array([1.5, None, 2, 3]),
    "when": pa.array([1, 2, 3, None], pa.timestamp("ms")),
    "counts": pa.array([[("k", 1)], [], None, [("z", 2)]], pa.map_(pa.string(), pa.int32())),
    "ok": [True, False, None, True],
    "nested": pa.array([[[{"a": "b"}]], None, [], [[]]]),
})
for compression in ["none", "snappy", "zstd", "gzip", "brotli"]:
    for version in ["1.0", "2.0"]:
        pq.write_table(rows, out / f"text-{compression}-v{version[0]}.parquet", compression=compression, data_page_version=version, row_group_size=3)

pq.write_table(rows, out / "text-lz4.parquet", compression="lz4")

tables = {
    "large_and_dictionary": pa.table({
        "prompt": pa.array(["p", "q", "p"]).dictionary_encode(),
        "completion": pa.array(["1", "2", "3"], pa.large_string()),
    }),
    "messages": pa.table({"messages": pa.array([chat("u", "a"), chat("u", "a", "v", "b")], MESSAGES)}),
    "messages_json": pa.table({"messages": [json.dumps(chat("u", "é")), json.dumps(chat("v", "b"))]}),
    "sharegpt": pa.table({"conversations": pa.array([[
        {"from": "human", "value": "u", "weight": None}, {"from": "gpt", "value": "a", "weight": 1.0}]], SHAREGPT)}),
    "null_text": pa.table({"text": ["a", None]}),
    "null_content": pa.table({"messages": pa.array([chat("u", None)], MESSAGES)}),
    "null_message": pa.table({"messages": pa.array([[None]], MESSAGES)}),
    "zero_weight": pa.table({"conversations": pa.array([[
        {"from": "human", "value": "u", "weight": None}, {"from": "gpt", "value": "a", "weight": 0.0}]], SHAREGPT)}),
    "not_utf8": pa.table({"text": pa.array([b"a", b"\xff"])}),
    "numbers": pa.table({"text": [1, 2]}),
    "other_schema": pa.table({"body": ["a"], "label": [3]}),
    "no_rows": pa.table({"text": pa.array([], pa.string())}),
    "no_columns": pa.table({}),
}
for name, table in tables.items():
    pq.write_table(table, out / f"{name}.parquet")

# Many small pages and row groups, with messages of a deeper kind beside the text, a null list and an empty one.
PARTS = pa.list_(pa.struct([("role", pa.string()), ("parts", pa.list_(pa.string())), ("content", pa.string())]))
many = [[{"role": ("user", "assistant")[j % 2], "parts": ["x"] * (j % 3), "content": f"{i} {j}"} for j in range(1 + i % 5)] for i in range(300)]
pq.write_table(pa.table({"messages": pa.array(many, PARTS)}), out / "many_pages.parquet", data_page_size=64, row_group_size=90, use_dictionary=False)
pq.write_table(pa.table({"messages": pa.array([None], PARTS)}), out / "null_list.parquet")
pq.write_table(pa.table({"messages": pa.array([[]], PARTS)}), out / "empty_list.parquet")
pq.write_table(pa.table({"messages": pa.array([["u"]], pa.list_(pa.string()))}), out / "list_of_texts.parquet")
pq.write_table(pa.table({"text": pa.array([{"a": "b"}])}), out / "text_is_object.parquet")

# Names that occur twice, which the format allows.
pq.write_table(pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), out / "text_twice.parquet")
message = pa.StructArray.from_arrays([pa.array(["user"]), pa.array(["a"]), pa.array(["b"])], names=["role", "content", "content"])
pq.write_table(pa.table({"messages": pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), message)}), out / "content_twice.parquet")
