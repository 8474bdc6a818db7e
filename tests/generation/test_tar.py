from __future__ import annotations

import io

import webdataset
from hypothesis import given
from hypothesis import strategies as st

from synthmed.generation.tar import HashingFile, ShardTar

MEMBERS = st.dictionaries(
    st.sampled_from(["json", "ct.png", "ct.mask.png", "report.txt", "x.nii.gz"]), st.binary(max_size=2000), min_size=1
)


@given(st.lists(MEMBERS, max_size=5))
def test_equals_webdatasets_writer_and_tells_where_the_bytes_are(samples: list[dict[str, bytes]]) -> None:
    theirs, ours = io.BytesIO(), io.BytesIO()
    with webdataset.TarWriter(theirs, encoder=False, mtime=0, user="synthmed", group="synthmed") as writer:
        for index, members in enumerate(samples):
            writer.write({"__key__": f"{index:09d}", **members})
    hashing = HashingFile(ours)
    tar = ShardTar(hashing)
    places = [tar.add(f"{index:09d}", members) for index, members in enumerate(samples)]
    tar.close()
    assert ours.getvalue() == theirs.getvalue()
    assert hashing.bytes == len(ours.getvalue())
    for members, where in zip(samples, places, strict=True):
        for suffix, (offset, length) in where.items():
            assert ours.getvalue()[offset : offset + length] == members[suffix]
