"""Rows of Arrow files (also Feather version 2, and the shards of `datasets`), with the names of classes where the file has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from tunecurve.data.class_names import named_classes, names_in_metadata, with_class_names
from tunecurve.data.rows import RawRow
from tunecurve.data.streams import DataFile
from tunecurve.errors import DataError
from tunecurve.findings import Finding

ROWS_AT_ONCE = 1000
_INDEX = "__index_level_"


def read_parquet(file: DataFile, findings: list[Finding]) -> Iterator[RawRow]:
    """Yield (place, cells) for every row of a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    with file.seekable() as opened:
        try:
            parquet = pyarrow.parquet.ParquetFile(opened)
            yield from _rows(file, parquet.schema_arrow, parquet.iter_batches(batch_size=ROWS_AT_ONCE), findings)
        except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
            raise _not_readable(file, "Parquet", error) from None


def read_arrow(file: DataFile, findings: list[Finding]) -> Iterator[RawRow]:
    """Yield (place, cells) for every row of an Arrow file or stream."""
    import pyarrow

    with file.seekable() as opened:
        try:
            schema, batches = _batches(opened)
            yield from _rows(file, schema, batches, findings)
        except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
            raise _not_readable(file, "Arrow", error) from None


def _batches(opened: BinaryIO) -> tuple[Any, Iterator[Any]]:
    import pyarrow.ipc

    start = opened.read(6)
    opened.seek(0)
    if start != b"ARROW1":
        stream = pyarrow.ipc.open_stream(opened)
        return stream.schema, iter(stream)
    file = pyarrow.ipc.open_file(opened)
    return file.schema, (file.get_batch(number) for number in range(file.num_record_batches))


def _rows(file: DataFile, schema: Any, batches: Iterator[Any], findings: list[Finding]) -> Iterator[RawRow]:
    names = names_in_metadata(schema.metadata or {})
    findings += named_classes(names)
    twice = {name for name in schema.names if schema.names.count(name) > 1}
    if twice:
        raise DataError(f"'{file}': two columns are called '{sorted(twice)[0]}'; give each a name of its own")
    kept = [name for name in schema.names if not name.startswith(_INDEX)]
    number = 0
    for batch in batches:
        batch.validate(full=True)  # offsets of a damaged Arrow file would lead out of its memory
        for begin in range(0, batch.num_rows, ROWS_AT_ONCE):
            for cells in _as_rows(file, batch.slice(begin, ROWS_AT_ONCE).select(kept), number):
                number += 1
                yield f"row {number}", with_class_names(cells, names, f"row {number}")


def _as_rows(file: DataFile, batch: Any, n_before: int) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = with_short_numbers(batch).to_pylist(maps_as_pydicts="strict")
    except KeyError:
        raise DataError(
            f"'{file}': of rows {n_before + 1} to {n_before + batch.num_rows} one has a map that gives a key two values; leave one of "
            "them, or write lists of objects"
        ) from None
    return rows


def with_short_numbers(batch: Any) -> Any:
    """Return a table, or a part of one, whose numbers of single precision are as they are written: 0.1, not 0.10000000149011612."""
    import pyarrow

    for place, field in enumerate(batch.schema):
        as_text, as_double = (_with_singles_as(field.type, kind) for kind in (pyarrow.string(), pyarrow.float64()))
        if as_text != field.type:
            column = batch.column(place).cast(as_text).cast(as_double)
            batch = batch.set_column(place, field.with_type(as_double), column)
    return batch


def _with_singles_as(kind: Any, other: Any) -> Any:
    """Return a type with another one in the place of single precision, also within lists and objects."""
    import pyarrow
    from pyarrow import types

    if types.is_float32(kind):
        return other
    if types.is_struct(kind):
        return pyarrow.struct([field.with_type(_with_singles_as(field.type, other)) for field in kind])
    for is_kind, new in (
        (types.is_list, pyarrow.list_),
        (types.is_large_list, pyarrow.large_list),
        (types.is_fixed_size_list, lambda inner: pyarrow.list_(inner, kind.list_size)),
    ):
        if is_kind(kind):
            return new(kind.value_field.with_type(_with_singles_as(kind.value_type, other)))
    if types.is_map(kind):
        return pyarrow.map_(kind.key_field, kind.item_field.with_type(_with_singles_as(kind.item_type, other)))
    return kind


def _not_readable(file: DataFile, kind: str, error: Exception) -> DataError:
    return DataError(f"'{file}' is not a readable {kind} file ({str(error).splitlines()[0][:120]})")
