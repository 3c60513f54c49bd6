"""Texts in another encoding than UTF-8: read as Windows-1252 and said aloud, as the study says, or refused with line and byte."""

import codecs

import pytest

from tunecurve.data.options import ReadingOptions
from tunecurve.data.sources import read_rows
from tunecurve.errors import DataError

WESTERN = [
    "Die Lieferung für Köln kam",
    "Schöne Grüße aus der Straße",
    "c'est déjà vu, où ça ?",
    "He said “go” – ok… it’s fine",
    "¿Dónde está el paquete? ¡Aquí!",
    "20 € für 5 m² bei 30 °C",
]


def read(path, **options):
    findings = []
    rows = [dict(cells) for _, cells in read_rows(str(path), ReadingOptions(**options), findings=findings)]
    return rows, findings


@pytest.mark.parametrize("text", WESTERN)
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_windows_1252_is_read_and_said_aloud(tmp_path, text, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".jsonl":
        content = f'{{"text": "plain"}}\n{{"text": "{text}"}}\n'
    else:
        content = f'text\nplain\n"{text}"\n' if suffix == ".csv" else f"text\nplain\n{text}\n"
    path.write_bytes(content.encode("cp1252"))
    rows, findings = read(path)
    assert [row["text"] for row in rows] == ["plain", text]
    (warning,) = [finding for finding in findings if finding.code == "encoding-guessed"]
    assert warning.kind == "warning"
    line = 2 if suffix == ".jsonl" else 3
    assert f"line {line} is not UTF-8" in warning.line
    assert "Windows-1252" in warning.line
    assert "--encoding" in warning.line
    assert "CSV UTF-8" in warning.line


def test_rows_before_the_first_odd_byte_are_read_once(tmp_path):
    lines = [f"text {n},a" for n in range(60_000)] + ["für,b"]
    (tmp_path / "a.csv").write_bytes("\n".join(["text,label", *lines]).encode("cp1252"))
    rows, findings = read(tmp_path / "a.csv")
    assert len(rows) == 60_001
    assert rows[-1]["text"] == "für"
    assert len(findings) == 1


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Привет как дела"),
        ("koi8_r", "Привет как дела"),
        ("cp1253", "καλημέρα σε όλους"),
        ("cp1250", "Dostawa była późno w Łodzi"),
        ("cp1254", "Teşekkürler iyi günler"),
        ("shift_jis", "配達が遅れました"),
        ("gb18030", "快递来得太晚了"),
        ("euc_kr", "배송이 늦었어요"),
        ("mac_roman", "Die Lieferung für Köln"),
        ("cp437", "Die Lieferung für Köln"),
        ("cp1255", "שלום עולם"),
    ],
)
def test_what_may_be_something_else_is_asked_for(tmp_path, encoding, text):
    path = tmp_path / "a.csv"
    path.write_bytes(f"text,label\nplain,a\n{text},b\n".encode(encoding))
    with pytest.raises(DataError, match=r"line 3 is not UTF-8 text \(byte \d+: 0x.*--encoding"):
        read(path)
    rows, findings = read(path, encoding=encoding)
    assert rows[1]["text"] == text
    assert findings == []


def test_a_mark_at_the_beginning_and_the_study_must_agree(tmp_path):
    (tmp_path / "a.csv").write_bytes(codecs.BOM_UTF8 + "text\nfür\n".encode())
    with pytest.raises(DataError, match=r"byte-order mark of UTF-8, but data.encoding is 'cp1252'"):
        read(tmp_path / "a.csv", encoding="cp1252")
    assert read(tmp_path / "a.csv", encoding="utf-8")[0] == [{"text": "für"}]


def test_utf8_that_is_read_as_something_else_is_warned_of(tmp_path):
    (tmp_path / "a.csv").write_bytes("text\nfür\n".encode())
    _, findings = read(tmp_path / "a.csv", encoding="cp1252")
    assert [finding.code for finding in findings] == ["encoding-doubtful"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_read_as_the_study_says(tmp_path, encoding):
    (tmp_path / "a.csv").write_bytes("text,label\nfür,a\n".encode(encoding))
    assert read(tmp_path / "a.csv", encoding=encoding)[0] == [{"text": "für", "label": "a"}]


def test_a_byte_that_the_named_encoding_lacks_is_named(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"text\nok\n\x81\n")
    with pytest.raises(DataError, match=r"line 3 is not cp1252 text \(byte 8: 0x81\)"):
        read(tmp_path / "a.csv", encoding="cp1252")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_the_order_of_bytes_is_asked_for_where_nothing_says_it(tmp_path, encoding):
    (tmp_path / "a.csv").write_bytes("text\nfür\n".encode("utf-16-le"))
    with pytest.raises(DataError, match=f"no byte-order mark, and data.encoding is '{encoding}'; .*{encoding}-le"):
        read(tmp_path / "a.csv", encoding=encoding)


@pytest.mark.parametrize("text", ["Größe passt", "Qualité médiocre", "naïve Männer", "déjà vu", "Señor Muñoz está"])
@pytest.mark.parametrize("encoding", ["cp437", "cp850"])
def test_letters_of_ms_dos_are_not_read_as_quotation_marks(tmp_path, text, encoding):
    (tmp_path / "a.csv").write_bytes(f"text,label\n{text},x\n".encode(encoding))
    with pytest.raises(DataError, match="name its encoding"):
        read(tmp_path / "a.csv")
    assert read(tmp_path / "a.csv", encoding=encoding)[0][0]["text"] == text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_mark_names_its_encoding_of_two_bytes_or_four(tmp_path, encoding, suffix):
    mark = {"utf-32-le": codecs.BOM_UTF32_LE, "utf-32-be": codecs.BOM_UTF32_BE}.get(encoding, b"")
    content = "text\nGröße 😀\n" if suffix == ".csv" else '{"text": "Größe 😀"}\n'
    (tmp_path / f"a{suffix}").write_bytes(mark + content.encode(encoding))
    assert read(tmp_path / f"a{suffix}")[0] == [{"text": "Größe 😀"}]
