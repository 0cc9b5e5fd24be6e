import pytest

from stemwright.entry.machine import memory_bytes, read_processor

X86 = """processor\t: 0
model name\t: Example 9000
flags\t\t: fpu avx2 fma avx512f avx512_bf16 amx_bf16

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd bf16 i8mm\n"
OLD = "processor\t: 0\nmodel name\t: Old\nflags\t: fpu sse2\n"


@pytest.mark.parametrize(
    ("text", "features"),
    [
        (X86, ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16")),
        (ARM, ("asimd", "bf16", "i8mm")),
        (OLD, ()),
    ],
)
def test_processor_is_read_from_its_first_core(tmp_path, text, features):
    (tmp_path / "cpuinfo").write_text(text)

    assert read_processor(tmp_path / "cpuinfo").features == features


def test_container_limit_counts_where_it_is_smaller(tmp_path):
    limit = tmp_path / "memory.max"
    limit.write_text("1000000\n")
    limited = memory_bytes(limit)
    limit.write_text("max\n")

    assert limited == 1_000_000
    assert memory_bytes(limit) > limited
