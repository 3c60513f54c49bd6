"""CoNLL files of every usual kind become rows of tokens and tags; what cannot be told is said with its line."""

import pytest

from tunecurve.data.conll_rows import read_conll
from tunecurve.data.files import read_file
from tunecurve.data.options import ReadingOptions
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.data.streams import DataFile
from tunecurve.errors import DataError


def rows_of(tmp_path, text, name="rows.conll"):
    path = tmp_path / name
    path.write_bytes(text.encode())
    findings = []
    return [
        (place, dict(cells)) for place, cells in read_conll(DataFile.on_disk(path, ReadingOptions()), findings)
    ], findings


def tagged(rows):
    return [list(zip(cells["tokens"], cells["tags"], strict=True)) for _, cells in rows]


ADA = [("Ada", "B-PER"), ("left", "O"), ("Graz", "B-LOC")]
BO = [("Bo", "B-PER"), ("stayed", "O")]


@pytest.mark.parametrize(
    "text",
    [
        "Ada\tB-PER\nleft\tO\nGraz\tB-LOC\n\nBo\tB-PER\nstayed\tO\n",
        "Ada B-PER\nleft O\nGraz B-LOC\n\nBo B-PER\nstayed O",  # no line break at the end
        "Ada   B-PER \nleft  O\nGraz B-LOC\n \n\t\nBo B-PER\nstayed O\n\n\n",  # blanks everywhere
        "Ada B-PER\r\nleft O\r\nGraz B-LOC\r\n\r\nBo B-PER\r\nstayed O\r\n",
        "\ufeffAda B-PER\nleft O\nGraz B-LOC\n\nBo B-PER\nstayed O\n",
        "Ada NNP B-NP B-PER\nleft VBD B-VP O\nGraz NNP B-NP B-LOC\n\nBo NNP B-NP B-PER\nstayed VBD B-VP O\n",
        "# id 7 domain=en\nAda _ _ B-PER\nleft _ _ O\nGraz _ _ B-LOC\n\n# id 8 domain=en\nBo _ _ B-PER\nstayed _ _ O\n",
        "1\tAda\tB-PER\t-\t-\n2\tleft\tO\t-\t-\n3\tGraz\tB-LOC\t-\t-\n\n1\tBo\tB-PER\t-\t-\n2\tstayed\tO\t-\t-\n",
        "Ada|B-PER left|O Graz|B-LOC\nBo|B-PER stayed|O\n",
        "Ada|NNP|B-PER left|VBD|O Graz|NNP|B-LOC\n\nBo|NNP|B-PER stayed|VBD|O\n",
    ],
)
def test_the_same_sentences_in_every_dress(tmp_path, text):
    rows, findings = rows_of(tmp_path, text)
    assert tagged(rows) == [ADA, BO]
    assert [finding.code for finding in findings] == ["conll-read"]
    assert "document" not in rows[0][1]
    assert "does not say where documents begin" in findings[0].text


def test_places_are_the_lines_of_the_first_tokens(tmp_path):
    rows, _ = rows_of(tmp_path, "# a comment = x\nAda B-PER\nleft O\n\n\nBo B-PER\n")
    assert [place for place, _ in rows] == ["line 2", "line 6"]


@pytest.mark.parametrize(
    "text",
    [
        "-DOCSTART- -X- -X- O\n\nAda NNP B-NP B-PER\n\nleft VBD B-VP O\n\n-DOCSTART- -X- -X- O\n\nBo NNP B-NP B-PER\n",
        "-DOCSTART- O\nAda B-PER\n\nleft O\n-DOCSTART- O\nBo B-PER\n",  # no blank lines beside the marks
        "# newdoc id = a\n# sent_id = 1\nAda\tB-PER\n\n# sent_id = 2\nleft\tO\n\n# newdoc id = b\nBo\tB-PER\n",
    ],
)
def test_documents_are_groups(tmp_path, text):
    rows, findings = rows_of(tmp_path, text)
    assert tagged(rows) == [[("Ada", "B-PER")], [("left", "O")], [("Bo", "B-PER")]]
    documents = [cells["document"] for _, cells in rows]
    assert documents[0] == documents[1] != documents[2]
    assert "sentences of one document are one group" in findings[0].text


def test_one_document_alone_is_no_group(tmp_path):
    rows, findings = rows_of(tmp_path, "-DOCSTART- O\n\nAda B-PER\n\nBo B-PER\n")
    assert all("document" not in cells for _, cells in rows)
    assert "does not say where documents begin" in findings[0].text


def test_conll_u_words_of_several_tokens_and_its_text(tmp_path):
    text = (
        "# text = Ada del Graz.\n1\tAda\tB-PER\n2-3\tdel\t_\n2\tde\tO\n3\tel\tO\n3.1\tx\tO\n4\tGraz\tB-LOC\n5\t.\tO\n"
    )
    rows, _ = rows_of(tmp_path, text, "rows.conllu")
    assert rows[0][1]["tokens"] == ["Ada", "de", "el", "Graz", "."]
    assert rows[0][1]["text"] == "Ada del Graz."


def test_tokens_that_look_like_comments_or_marks(tmp_path):
    rows, _ = rows_of(tmp_path, "# O\n1 O\nBo B-PER\n\n#tag O\nBo B-PER\n#id O\n")
    assert tagged(rows) == [[("#", "O"), ("1", "O"), ("Bo", "B-PER")], [("#tag", "O"), ("Bo", "B-PER"), ("#id", "O")]]


def test_odd_blanks_belong_to_tokens(tmp_path):
    rows, findings = rows_of(tmp_path, "Ada\u00a0Lee B-PER\n\u2028 O\nx\u2028y O\n")
    assert rows[0][1]["tokens"] == ["Ada\u00a0Lee", "x\u2028y"]
    assert findings[-1].code == "lines-without-token"


def test_tokens_with_blanks_where_tabs_separate(tmp_path):
    rows, _ = rows_of(tmp_path, "Ada Lee\tB-PER\nleft early\tO\n")
    assert rows[0][1]["tokens"] == ["Ada Lee", "left early"]


def test_tags_without_a_token_are_left_out_and_counted(tmp_path):
    rows, findings = rows_of(tmp_path, "Ada B-PER\nO\nleft O\n\n O\n\nBo B-PER\n")
    assert tagged(rows) == [[("Ada", "B-PER"), ("left", "O")], [("Bo", "B-PER")]]
    assert findings[-1].text == "2 lines have a tag and no token, and are left out"
    with pytest.raises(DataError, match="line 2: a tag and no token"):
        rows_of(tmp_path, "Ada\tB-PER\n\tB-LOC\nx\tO\n")


def test_labels_without_prefix_in_two_columns(tmp_path):
    rows, _ = rows_of(tmp_path, "Ada\tperson-actor\nleft\tO\n\nGraz\tplace-city\n")
    assert tagged(rows)[1] == [("Graz", "place-city")]


def test_two_columns_of_entities_are_both_kept_and_none_is_chosen(tmp_path):
    rows, _ = rows_of(tmp_path, "1\tUni\tB-ORG\tO\n2\tGraz\tI-ORG\tB-LOC\n3\tx\tO\tO\n")
    cells = rows[0][1]
    assert "tags" not in cells
    assert cells["column_3"] == ["B-ORG", "I-ORG", "O"]
    assert cells["column_4"] == ["O", "B-LOC", "O"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Ada\nleft\n\nBo\n", "line 1: no column of tags .*'Ada'"),
        ("1\tAda\tPROPN\tNNP\t_\n2\tleft\tVERB\tVBD\t_\n", "line 1: no column of tags"),
        ("Ada B-PER\nleft O\nGraz B-LOC x\n", "line 3: 3 columns .*most lines have 2; mend the line"),
        ("Ada NN B-PER\nleft VB O\nGraz\n", "line 3: 1 columns"),
    ],
)
def test_other_files_are_refused_with_their_line(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        rows_of(tmp_path, text)


def test_an_empty_file_has_no_rows(tmp_path):
    assert rows_of(tmp_path, "\n\n")[0] == []


@pytest.mark.parametrize("language", ["en", "zh", "zh-classical", "simple", "map-bms"])
def test_the_language_before_the_tokens_of_pan_x_is_left_out(tmp_path, language):
    text = "".join(f"{language}:{token}\t{tag}\n" for token, tag in [*ADA, *ADA, ("a:b", "O"), (":", "O")]) + "\n"
    rows, findings = rows_of(tmp_path, text)
    assert tagged(rows) == [[*ADA, *ADA, ("a:b", "O"), (":", "O")]]
    assert "without the language before it" in findings[0].text


@pytest.mark.parametrize("odd", ["Ada", "B:", ":", "12:30"])
def test_tokens_with_a_colon_are_no_language_where_others_have_none(tmp_path, odd):
    text = "".join(f"re:{token}\t{tag}\n" for token, tag in [*ADA, *ADA, *ADA]) + f"{odd}\tO\n"
    rows, _ = rows_of(tmp_path, text)
    assert rows[0][1]["tokens"] == [f"re:{token}" for token, _ in [*ADA, *ADA, *ADA]] + [odd]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            "#FORMAT=WebAnno TSV 3.3\n#T_SP=x|value\n\n#Text=Ada left\n1-1\t0-3\tAda\tPER\t\n1-2\t4-8\tleft\t_\t\n",
            "WebAnno or INCEpTION",
        ),
        ("#begin document (a); part 000\na 0 0 Ada NNP * - - - - (PERSON) -\n\n#end document\n", "CoNLL-2012"),
        ("7|t|Ada left\n7|a|Nobody.\n7\t0\t3\tAda\tPerson\t-\n", "PubTator"),
    ],
)
@pytest.mark.parametrize("ending", ["conll", "txt"])
def test_other_formats_are_named(tmp_path, text, name, ending):
    with pytest.raises(DataError, match=name):
        list(read_file(DataFile.on_disk(_written(tmp_path / f"rows.{ending}", text), ReadingOptions()), []))


def _written(path, text):
    path.write_text(text)
    return path


def test_the_columns_of_conll_2003_are_not_asked_for(tmp_path):
    lines = "-DOCSTART- -X- -X- O\n\nAda NNP B-NP B-PER\nleft VBD B-VP O\nGraz NNP B-NP B-LOC\n\n"
    rows, _ = rows_of(tmp_path, lines)
    for task in ("ner", "masking"):
        match = recognise([cells for _, cells in rows], Asked(task))
        assert (match.shape, match.target_columns) == ("tokens-and-tags", ("tags",))
    assert recognise([cells for _, cells in rows], Asked("ner", target_columns=("column_4",))).target_columns == (
        "column_4",
    )


def test_an_export_of_webanno_is_named_by_its_own_ending_too(tmp_path):
    text = "#FORMAT=WebAnno TSV 3.3\n#T_SP=x|value\n\n#Text=Ada left\n1-1\t0-3\tAda\tPER\t\n"
    with pytest.raises(DataError, match="WebAnno or INCEpTION"):
        list(read_file(DataFile.on_disk(_written(tmp_path / "rows.tsv", text), ReadingOptions()), []))
