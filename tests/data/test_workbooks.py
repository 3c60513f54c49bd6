"""Workbooks: one sheet is read as it shows, and what would have to be computed, fetched or guessed is named.

The parts are written as ECMA-376 (.xlsx) and OpenDocument 1.2 (.ods) define them.
"""

import datetime
import io
import sys
import zipfile

import pytest

from tunecurve.data.options import ReadingOptions
from tunecurve.data.sources import read_rows
from tunecurve.errors import DataError, EnvironmentProblem

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
STYLES = f'<styleSheet {MAIN}><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/></cellXfs></styleSheet>'
ROWS = [["text", "label"], ["Bo ran", "a"], ["Ann sat", "b"]]


def letters(column):
    return chr(65 + column)


def cell_xml(cell, name):
    if cell is None:
        return ""
    if isinstance(cell, str) and cell.startswith("<"):  # ready XML, without the cell's name
        return cell.replace("<c", f'<c r="{name}"', 1)
    if isinstance(cell, bool):
        return f'<c r="{name}" t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, int | float):
        return f'<c r="{name}"><v>{cell}</v></c>'
    return f'<c r="{name}" t="inlineStr"><is><t xml:space="preserve">{cell}</t></is></c>'


def sheet_xml(rows, first_row=1, tail=""):
    lines = []
    for number, row in enumerate(rows, start=first_row):
        cells = "".join(cell_xml(cell, f"{letters(column)}{number}") for column, cell in enumerate(row))
        lines.append(f'<row r="{number}">{cells}</row>')
    return f"<worksheet {MAIN}><sheetData>{''.join(lines)}</sheetData>{tail}</worksheet>"


def workbook(path, sheets, *, hidden=(), extra=None, prefix=""):
    names = list(sheets)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        types = "http://schemas.openxmlformats.org/package/2006/content-types"
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{types}"/>')
        archive.writestr(
            "_rels/.rels",
            f'<Relationships {PACKAGE}><Relationship Id="r" Type="{REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        entries = "".join(
            f'<sheet name="{name}" sheetId="{n}" r:id="s{n}"{" state=" + chr(34) + "hidden" + chr(34) if name in hidden else ""}/>'
            for n, name in enumerate(names)
        )
        archive.writestr("xl/workbook.xml", f'<workbook {MAIN} xmlns:r="{REL}"><sheets>{entries}</sheets></workbook>')
        targets = "".join(
            f'<Relationship Id="s{n}" Type="{REL}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in range(len(names))
        )
        styles = f'<Relationship Id="st" Type="{REL}/styles" Target="styles.xml"/>'
        archive.writestr("xl/_rels/workbook.xml.rels", f"<Relationships {PACKAGE}>{targets}{styles}</Relationships>")
        archive.writestr("xl/styles.xml", STYLES)
        for n, name in enumerate(names):
            rows = sheets[name]
            archive.writestr(
                f"xl/worksheets/sheet{n}.xml", prefix + (rows if isinstance(rows, str) else sheet_xml(rows))
            )
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return path


def ods(path, rows, attributes=""):
    cells = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string" {attributes if n == 1 else ""}><text:p>{cell}</text:p></table:table-cell>'
            for cell in row
        )
        + "</table:table-row>"
        for n, row in enumerate(rows)
    )
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet><table:table table:name='A'>{cells}</table:table>"
            "</office:spreadsheet></office:body></office:document-content>",
        )
        archive.writestr("META-INF/manifest.xml", "<m/>")
    return path


def read(source, **options):
    findings = []
    rows = [
        (place, dict(cells)) for place, cells in read_rows(str(source), ReadingOptions(**options), findings=findings)
    ]
    return rows, [finding.line for finding in findings]


def refused(source, **options):
    with pytest.raises(DataError) as raised:
        read(source, **options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("name", ["a.xlsx", "a.xlsm", "a.XLSX"])
def test_the_only_sheet_is_read(tmp_path, name):
    rows, notes = read(workbook(tmp_path / name, {"Sheet1": ROWS}))
    assert rows == [("row 2", {"text": "Bo ran", "label": "a"}), ("row 3", {"text": "Ann sat", "label": "b"})]
    assert notes == []


def test_an_open_document_is_read(tmp_path):
    assert [cells for _, cells in read(ods(tmp_path / "a.ods", ROWS))[0]] == [
        {"text": "Bo ran", "label": "a"},
        {"text": "Ann sat", "label": "b"},
    ]


def test_cells_are_what_they_show(tmp_path):
    day, minute = '<c s="1"><v>45351</v></c>', '<c s="2"><v>45351.5</v></c>'
    row = ["007", 7, 1.5, True, day, minute, "1,5", "a&#10;b", "a_x000D_b", None]
    header = [f"c{n}" for n in range(len(row))]
    ((_, cells),) = read(workbook(tmp_path / "a.xlsx", {"A": [header, row]}))[0]
    assert list(cells.values())[:4] == ["007", 7, 1.5, True]
    assert cells["c4"] == datetime.date(2024, 2, 29)
    assert cells["c5"] == datetime.datetime(2024, 2, 29, 12)
    assert [cells[name] for name in ("c6", "c7", "c8")] == ["1,5", "a\nb", "a\rb"]


def test_empty_rows_are_skipped_but_counted(tmp_path):
    sheet = sheet_xml([*ROWS[:2], [None, None], ["", ""], ROWS[2]], first_row=3)
    assert [place for place, _ in read(workbook(tmp_path / "a.xlsx", {"A": sheet}))[0]] == ["row 4", "row 7"]


def test_of_several_sheets_one_is_asked_for(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"Train": ROWS, "Te st": ROWS[:2]})
    message = refused(path)
    assert "several sheets: Train (3 rows), Te st (2 rows)" in message
    assert "data.sheet" in message
    assert len(read(f"{path}!/Te st")[0]) == 1
    assert len(read(path, sheet="Train")[0]) == 2
    assert "no sheet 'Dev'; its sheets are: Train, Te st" in refused(path, sheet="Dev")


def test_hidden_and_empty_sheets_are_left_out_and_said(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"Lists": ROWS, "Rows": ROWS, "Empty": []}, hidden=["Lists"])
    rows, notes = read(path)
    assert len(rows) == 2
    assert "sheet 'Rows' of 'a.xlsx' is read; hidden or empty ones are left out: Lists, Empty" in notes[0]
    assert len(read(path, sheet="Lists")[0]) == 2
    assert "no rows in a visible sheet" in refused(workbook(tmp_path / "b.xlsx", {"A": []}))


@pytest.mark.parametrize("stored", ["<v>3</v>", "<v>x</v>"])
def test_stored_values_of_formulas_are_read_and_said(tmp_path, stored):
    kind = ' t="str"' if "x" in stored else ""
    rows, notes = read(workbook(tmp_path / "a.xlsx", {"A": [*ROWS, ["c", f"<c{kind}><f>1+2</f>{stored}</c>"]]}))
    assert rows[-1][1]["label"] in (3, "x")
    assert "1 cells of sheet 'A' are formulas" in notes[0]
    assert "B4" in notes[0]


@pytest.mark.parametrize("cell", ["<c><f>A1</f></c>", "<c><f>A1</f><v></v></c>", '<c><f t="shared" si="0"/></c>'])
def test_formulas_without_values_are_refused(tmp_path, cell):
    message = refused(workbook(tmp_path / "a.xlsx", {"A": [*ROWS, ["c", cell]]}))
    assert "cell B4: a formula without a stored value" in message


def test_errors_of_a_spreadsheet_are_a_warning_with_their_cells(tmp_path):
    _, notes = read(workbook(tmp_path / "a.xlsx", {"A": [*ROWS, ["c", '<c t="e"><v>#N/A</v></c>']]}))
    assert "1 cells of sheet 'A' hold an error" in notes[0]
    assert "B4" in notes[0]


def test_links_to_other_workbooks_are_refused(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"A": ROWS}, extra={"xl/externalLinks/externalLink1.xml": "<x/>"})
    assert "links to other workbooks" in refused(path)


def test_merged_cells_are_named(tmp_path):
    header = sheet_xml(ROWS, tail='<mergeCells><mergeCell ref="A1:B1"/></mergeCells>')
    assert "the header's cells A1:B1 are merged" in refused(workbook(tmp_path / "a.xlsx", {"A": header}))
    below = sheet_xml(ROWS, tail='<mergeCells><mergeCell ref="B2:B3"/></mergeCells>')
    _, notes = read(workbook(tmp_path / "b.xlsx", {"A": below}))
    assert "cells B2:B3 of sheet 'A' are merged" in notes[0]
    assert "merged cells" in refused(ods(tmp_path / "c.ods", ROWS, 'table:number-columns-spanned="2"'))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["text", "text"], ["a", "b"]], "row 1: two columns are called 'text'"),
        ([["Report of May", None], *ROWS], "one cell, 'Report of May', above 2 columns"),
    ],
)
def test_a_header_that_names_no_columns_is_refused(tmp_path, rows, said):
    assert said in refused(workbook(tmp_path / "a.xlsx", {"A": rows}))


def test_an_index_column_is_left_out(tmp_path):
    rows, notes = read(workbook(tmp_path / "a.xlsx", {"A": [[None, "text", "label"], [0, "a", "x"], [1, "b", "y"]]}))
    assert [cells for _, cells in rows] == [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]
    assert "holds row numbers" in notes[0]


@pytest.mark.parametrize("name", ["a.xlsx", "b.xlsm"])
def test_entities_of_its_own_are_refused(tmp_path, name):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    assert "defines XML entities" in refused(workbook(tmp_path / name, {"A": ROWS}, prefix=bomb))


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"A": ROWS}, extra={"xl/media/a.bin": b"0" * 20_000_000})
    assert "more than 0.01 GB unpacked" in refused(path, max_unpacked_gb=0.01)


def test_what_is_no_workbook_is_named(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04")
    assert "not a readable workbook" in refused(tmp_path / "a.xlsx")
    (tmp_path / "b.xlsx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    assert "protected by a password" in refused(tmp_path / "b.xlsx")
    with zipfile.ZipFile(tmp_path / "c.xlsx", "w") as archive:
        archive.writestr("rows.csv", "a,b\n")
    assert "not a readable workbook" in refused(tmp_path / "c.xlsx")


def test_a_workbook_in_a_zip_is_read(tmp_path):
    content = workbook(io.BytesIO(), {"A": ROWS}).getvalue()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/rows.xlsx", content)
    assert len(read(tmp_path / "a.zip")[0]) == 2


def test_without_the_extra_the_command_that_installs_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(EnvironmentProblem, match=r"pip install '\.\[data\]'"):
        read(workbook(tmp_path / "a.xlsx", {"A": ROWS}))


def test_a_table_that_begins_elsewhere_is_read(tmp_path):
    rows, notes = read(workbook(tmp_path / "a.xlsx", {"A": sheet_xml([[None, *row] for row in ROWS], first_row=4)}))
    assert rows[0] == ("row 5", {"text": "Bo ran", "label": "a"})
    assert notes == []
    assert read(workbook(tmp_path / "b.xlsx", {"A": [[None, "text"], [None, "a"]]}))[0] == [("row 2", {"text": "a"})]


@pytest.mark.parametrize("position", range(40, 400, 45))
def test_a_damaged_workbook_is_read_or_named(tmp_path, position):
    content = bytearray(workbook(tmp_path / "a.xlsx", {"A": [*ROWS, ["c", "<c><f>1</f><v>2</v></c>"]]}).read_bytes())
    sheet = content.index(b"xl/worksheets/sheet0.xml")
    content[sheet + 24 + position % 150] ^= 0xFF
    (tmp_path / "a.xlsx").write_bytes(content)
    assert "not a readable workbook" in refused(tmp_path / "a.xlsx")


def with_cell(name, content="<is><t>q</t></is>"):
    rows = sheet_xml(ROWS)
    number = name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    far = f'<row r="{number}"><c s="0" r="{name}" t="inlineStr">{content}</c></row>'
    return rows.replace("</sheetData>", f"{far}</sheetData>")


def one_sheet(path, xml, strings=None):
    """Write a workbook whose sheet is given as XML, with shared texts."""
    workbook(path, {"S": ROWS})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet0.xml"] = xml.encode()
    if strings is not None:
        relation = f'<Relationship Id="ss" Type="{REL}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
        name = "xl/_rels/workbook.xml.rels"
        parts[name] = parts[name].replace(b"</Relationships>", relation.encode())
        items = "".join(f"<si><t>{text}</t></si>" for text in strings)
        parts["xl/sharedStrings.xml"] = f"<sst {MAIN}>{items}</sst>".encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("name", ["XFD1048576", "XFD10000", "ALL50001", "ZZZZZ4000000000"])
def test_a_stray_cell_far_away_is_named_not_allocated(tmp_path, name):
    one_sheet(tmp_path / "a.xlsx", with_cell(name))
    with pytest.raises(DataError, match=f"as far as {name}.*delete the stray ones"):
        read(tmp_path / "a.xlsx")


@pytest.mark.parametrize("name", ["B1000", "ZZ9", "A20000"])
def test_a_cell_that_is_not_far_is_read(tmp_path, name):
    one_sheet(tmp_path / "a.xlsx", with_cell(name))
    assert len(read(tmp_path / "a.xlsx")[0]) == 3


def test_an_empty_cell_far_away_takes_no_place(tmp_path):
    one_sheet(tmp_path / "a.xlsx", with_cell("XFD1048576").replace(' t="inlineStr"><is><t>q</t></is></c>', "/>"))
    assert len(read(tmp_path / "a.xlsx")[0]) == 2


def repeated(number, n_rows):
    cell = f'<c t="s"><v>{number}</v></c>'
    return sheet_xml([["text", "label"], *([cell, "x"] for _ in range(n_rows))])


def test_a_text_that_many_cells_repeat_counts_each_time(tmp_path):
    one_sheet(tmp_path / "a.xlsx", repeated(0, 2500), ["A" * 500_000, "short"])
    with pytest.raises(DataError, match="1,250,000,000 characters in all"):
        read(tmp_path / "a.xlsx")
    one_sheet(tmp_path / "a.xlsx", repeated(1, 2500), ["A" * 500_000, "short"])
    rows, _ = read(tmp_path / "a.xlsx")
    assert [cells["text"] for _, cells in rows] == ["short"] * 2500


@pytest.mark.parametrize(
    ("row", "cell", "text"),
    [(900_000, 1, "q" * 2000), (1_000_000, 60, "q"), (4_000_000_000, 1, "q" * 20), (1, 60_000_000, "q")],
)
def test_cells_that_are_repeated_by_a_number_count_each_time(tmp_path, row, cell, text):
    ods(tmp_path / "a.ods", [*ROWS, [text, "a"]])
    with zipfile.ZipFile(tmp_path / "a.ods") as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    head, _, tail = parts["content.xml"].rpartition("<table:table-row>")
    repeated_cell = f'<table:table-cell table:number-columns-repeated="{cell}"'
    tail = tail.replace("<table:table-cell", repeated_cell, 1)
    parts["content.xml"] = f'{head}<table:table-row table:number-rows-repeated="{row}">{tail}'
    with zipfile.ZipFile(tmp_path / "a.ods", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert "repeats cells to" in refused(tmp_path / "a.ods")


def test_empty_cells_that_are_repeated_to_the_end_of_a_sheet_take_no_place(tmp_path):
    ods(tmp_path / "a.ods", ROWS)
    with zipfile.ZipFile(tmp_path / "a.ods") as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    end = (
        '<table:table-row table:number-rows-repeated="1048570"><table:table-cell table:number-columns-repeated="16384"/>'
        "</table:table-row></table:table>"
    )
    parts["content.xml"] = parts["content.xml"].replace("</table:table>", end)
    with zipfile.ZipFile(tmp_path / "a.ods", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert len(read(tmp_path / "a.ods")[0]) == 2


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [["mail one", "water"], ["mail two", "fire"], ["mail three", "water"], ["mail four", "fire"]],
            "'water' stands in 1 of",
        ),
        (
            [["mail one", 4], ["mail two", 2], ["mail three", 7.5], ["mail four", 3]],
            "'4' is a number like those below it",
        ),
    ],
)
def test_a_first_row_that_is_a_row_is_asked_about(tmp_path, rows, said):
    refusal = refused(workbook(tmp_path / "a.xlsx", {"A": rows}))
    assert "row 1: this looks like a row, not like the names of the columns" in refusal
    assert said in refusal


def test_a_header_in_the_midst_of_a_sheet_is_named(tmp_path):
    rows = [["text", "label"], ["a", "x"], ["b", "y"], ["text", "label"], ["c", "x"]]
    assert "row 4: the header once more" in refused(workbook(tmp_path / "a.xlsx", {"A": rows}))


@pytest.mark.parametrize(
    "rows",
    [
        [["text", "2019"], ["a", 1], ["b", 2], ["c", 3], ["d", 4]],
        [["text", "label"], ["a", "x"], ["b", "y"], ["c", "z"], ["d", "label"]],
        [["text", "fire"], ["a", "fire"], ["b", ""], ["c", "fire"], ["d", ""]],
    ],
)
def test_names_that_only_look_like_cells_are_names(tmp_path, rows):
    found, _ = read(workbook(tmp_path / "a.xlsx", {"A": rows}))
    assert [list(cells) for _, cells in found] == [rows[0]] * 4
