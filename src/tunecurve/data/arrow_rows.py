"""Rows of Arrow files (also Feather version 2, and the shards of `datasets`), with the names of classes where the file has them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, BinaryIO

from tunecurve.data.cells import in_double_precision
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
            for cells in plain_rows(batch.slice(begin, ROWS_AT_ONCE).select(kept), number, f"'{file}'"):
                number += 1
                yield f"row {number}", with_class_names(cells, names, f"row {number}")


def plain_rows(table: Any, n_before: int = 0, name: str = "data") -> list[dict[str, Any]]:
    """Return the rows of a table, or of a part of one: maps are objects, and numbers of single precision as they are written.

    Raises
    ------
    DataError
        When a map or an object has a key twice.
    """
    table = _with_short_numbers(table)
    try:
        rows: list[dict[str, Any]] = table.to_pylist(maps_as_pydicts="strict")
    except (KeyError, ValueError):
        for number, column in itertools.product(range(table.num_rows), table.schema.names):
            if _has_a_key_twice(table.column(column)[number]):
                raise DataError(
                    f"{name}: row {n_before + number + 1}: a map or an object in column '{column}' has a key twice; leave one of "
                    "them, or write lists of objects"
                ) from None
        raise
    return rows


def _has_a_key_twice(cell: Any) -> bool:
    try:
        cell.as_py(maps_as_pydicts="strict")
    except (KeyError, ValueError) as error:  # of a map, or of an object, which also says so of the maps in it
        return isinstance(error, KeyError) or "duplicate field names" in str(error)
    return False


def _with_short_numbers(table: Any) -> Any:
    """Return the table with numbers as they are written: 0.1, not 0.10000000149011612."""
    import pyarrow

    for place, field in enumerate(table.schema):
        as_text, as_double = (_with_singles_as(field.type, kind) for kind in (pyarrow.string(), pyarrow.float64()))
        column = table.column(place)
        if pyarrow.types.is_float16(field.type):  # Arrow writes 0.0999755859375
            halves = in_double_precision(column.to_numpy(zero_copy_only=False))
            table = table.set_column(place, field.name, pyarrow.array(halves, from_pandas=True))
        elif as_text != field.type:
            table = table.set_column(place, field.with_type(as_double), column.cast(as_text).cast(as_double))
    return table


def _with_singles_as(kind: Any, other: Any) -> Any:
    """Return a type with another one in the place of single precision, also within lists and objects."""
    import pyarrow
    from pyarrow import types

    if types.is_float32(kind):
        return other
    if types.is_dictionary(kind) and types.is_float32(kind.value_type):
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
