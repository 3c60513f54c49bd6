"""What has a sign in it is a set of labels, or a number, a sentence, a path, a pair whose parts have their places."""

import pytest

from tunecurve.formats.label_set_evidence import are_sets, in_two_orders, separator_of_sets


@pytest.mark.parametrize(
    ("texts", "separator"),
    [
        (["fire; water", "fire", "water"], ";"),
        (["a|b", "b|c", "a|c", "a", "b"], "|"),
        (["a|b", "b|c", "a|c"], "|"),
        (["joy, anger", "joy", "anger, fear", "fear"], ","),
        (["joy, anger", "joy, fear", "anger, fear"], ","),  # always in the order of the alphabet, and never alone
        (["fire/water", "fire", "water", "noise/fire", "noise"], "/"),
        (["A+B", "A", "B", "A+"], "+"),
        (["fire, water", "water, fire", "fire", "water"], ","),  # in any order, and each alone, too
        (["3,17", "3,9", "9,17,3", "17,9"], ","),  # three of them are no number
        (["1;2", "2;3", "1", "2"], ";"),
        (["0,5; 1,0", "1,0; 2,5", "0,5; 2,5", "2,5"], ";"),
        (["配送", "返品、配送", "天気、返品", "天気"], "、"),
        (["支付，物流", "物流", "支付", "退货，支付"], "，"),
        (["支付；物流", "物流", "支付"], "；"),
        (["دفع، شحن", "شحن", "دفع"], "،"),
    ],
)
def test_sets_are_seen_though_nobody_says_so(texts, separator):
    assert separator_of_sets(texts) == separator


@pytest.mark.parametrize(
    "texts",
    [
        ["0,5", "1,0", "1,5", "5,0", "0,1"],
        ["0,5", "1", "1,5", "5", "2"],
        ["1,000", "1,500", "2,000", "500"],
        ["1,000,000", "1,500,000", "1,500"],
        ["1/4", "4/1", "1/2", "1", "2", "4"],
        ["05/06", "06/05", "05/07"],
        ["05/06/2024", "06/05/2024", "05/06/2023"],
        ["2|1", "1|2", "0|1", "1|0"],
        ["1|2", "2|1", "1", "2"],
        ["1+2", "2+3", "3+1", "1", "2"],
        ["1|1", "1", "2|1", "2"],
        ["lamp/desk", "desk/lamp", "desk/shelf", "shelf/lamp"],
        ["open, close", "close, open", "open"],
        ["open; close", "close; open", "open"],
        ["Hello Ann, please wait.", "Hello Kim, please wait.", "Hello Ann, please restart the lamp."],
        ["Thanks, Ann; please wait now.", "Thanks, Kim; please wait now.", "Thanks, Ann; please call us."],
        [
            "Sorry to hear about Delft, did it melt?",
            "Sorry to hear about Riga, did it melt?",
            "Sorry to hear about Riga, did it fall?",
        ],
        ["Sports", "Sports/Football", "Sports/Tennis", "News/Politics", "News"],
        ["Yes, definitely", "Yes, maybe", "No, definitely", "No, maybe"],
        ["Smith, John", "Smith, Anna", "Jones, John", "Jones, Anna"],
        ["Food & Drink", "Food & Health", "Health & Beauty", "Music & Drink"],
        ["yes", "no"],
        [],
    ],
)
def test_numbers_sentences_paths_and_what_has_an_order_are_no_sets(texts):
    assert separator_of_sets(texts) == ""


@pytest.mark.parametrize("sign", [",", ";", "、"])
def test_the_name_of_a_column_says_that_the_order_does_not_matter(sign):
    texts = [f"fire{sign}water", f"water{sign}fire", f"noise{sign}water"]
    assert not are_sets(texts, sign)
    assert are_sets(texts, sign, is_named=True)


def test_whole_numbers_with_a_comma_are_sets_where_the_column_and_the_numbers_alone_say_so():
    assert are_sets(["3,17", "3", "17", "9", "9,17"], ",", is_named=True)
    assert not are_sets(["3,17", "3", "17", "9", "9,17"], ",")
    assert not are_sets(["0,5", "1", "1,5", "2"], ",", is_named=True)


def test_no_name_of_a_column_makes_labels_of_numbers_and_paths():
    assert not are_sets(["0,5", "5,0"], ",", is_named=True)
    assert not are_sets(["Sports/Football", "Sports/Tennis"], "/", is_named=True)


def test_words_in_two_orders_are_named_and_numbers_are_not():
    assert in_two_orders(["water, fire", "noise", "fire, water", "noise, fire"], ",") == ["water, fire", "fire, water"]
    assert in_two_orders(["1/4", "4/1"], "/") == []
