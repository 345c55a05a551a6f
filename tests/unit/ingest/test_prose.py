import pytest

from ingest.prose import Part, ProseSettings, passages, width

SETTINGS = ProseSettings()
SENTENCE = "Orders from abroad pass the customs, e.g. in Hamburg. "


def cut(*texts, settings=SETTINGS):
    return [part.text for part in passages([Part(text=t, place=f"line {n}") for n, t in enumerate(texts)], settings)]


def test_paragraphs_share_a_passage_while_they_fit():
    assert cut("One.", "Two.", "- three\n- four") == ["One.\n\nTwo.\n\n- three\n- four"]


def test_a_passage_is_cut_at_the_ends_of_sentences():
    found = cut(SENTENCE * 40)
    assert all(width(text) <= 600 and text.endswith("Hamburg.") for text in found)
    assert " ".join(found) == (SENTENCE * 40).strip()


def test_chinese_sentences_end_at_their_own_punctuation_and_count_double():
    found = cut("国内订单三天到货，偏远地区五天。" * 60)
    assert all(width(text) <= 600 and text.endswith("。") for text in found)
    assert "".join(found) == "国内订单三天到货，偏远地区五天。" * 60


@pytest.mark.parametrize(
    "text",
    ["See Dr. Smith at 5 p.m. today. ", "It costs 3.50 or 4. No. 5 is out. ", "Ask https://a.test/?q=1. Then wait. "],
    ids=["titles", "numbers", "addresses"],
)
def test_abbreviations_numbers_and_addresses_end_no_sentence(text):
    for piece in cut(text * 40):
        assert not piece.endswith(("Dr.", "No.", "3.", "?"))


def test_links_and_bold_text_are_not_cut_in_two():
    for piece in cut("Read [our terms. All of them](https://a.test/terms) or **call. Or write** to us. " * 30):
        assert piece.count("[") == piece.count("]")
        assert piece.count("**") % 2 == 0


def test_items_and_listings_stay_whole():
    items = "\n".join(f"- item {n} is about this long, as items of lists are" for n in range(40))
    assert all(line.startswith("- item") for text in cut(items) for line in text.splitlines())
    code = "```\n" + "x = 1\n" * 90 + "```"
    assert any(code in text for text in cut("Before. " * 20, code, "After. " * 20))


def test_a_table_that_is_cut_has_its_head_on_each_piece():
    rows = "\n".join(f"| row {n} | a cell with some words in it |" for n in range(60))
    found = cut(f"| A | B |\n| --- | --- |\n{rows}")
    assert len(found) > 3
    assert all(text.startswith("| A | B |\n| --- | --- |\n| row") for text in found)
    assert sum(text.count("| row") for text in found) == 60


def test_a_line_that_introduces_a_list_stays_with_it():
    filler = "A sentence that fills the passage quite well, to be sure. " * 9
    found = cut(filler, "You need:", "- the box\n- the bill\n" + "- more\n" * 20)
    assert found[1].startswith("You need:\n\n- the box")


def test_passages_are_about_equally_long():
    found = cut(*["A paragraph of some forty letters, or so."] * 16)
    assert len(found) == 2
    assert abs(len(found[0]) - len(found[1])) < 200


def test_each_passage_knows_where_it_begins():
    parts = [Part(text=SENTENCE * 9, place=f"page {n}") for n in range(3)]
    assert [part.place for part in passages(parts, SETTINGS)] == ["page 0", "page 1", "page 2"]


def test_a_text_without_any_place_to_cut_is_cut_all_the_same():
    assert all(width(text) <= 600 for text in cut("x" * 5_000))
    assert "".join(cut("x" * 5_000)) == "x" * 5_000


def test_rulers_are_no_passages():
    assert cut("---", "***") == []


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="at least 100"):
        ProseSettings(max_width=10)
