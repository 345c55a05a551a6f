import pytest

from ingest.sources.halves import join_halves
from tests.fakes.documents import Read, read_content

DOMAIN = """
version: "3.1"
intents: [greet, faq]
responses:
  utter_faq/ask_hours:
  - text: We open at 9.
    channel: slack
  - text: We open at **8**.
  - text: Eight!
  utter_greet:
  - text: "Hi {name}"
  utter_iamabot:
  - text: I am a bot.
    image: https://example.com/bot.png
"""
NLU = """
version: "3.1"
nlu:
- intent: faq/ask_hours
  examples: |
    - When do you open in [Berlin](city)?
    - opening [hours]{"entity": "when"}
    - When do you open in [Berlin](city)?
- intent: bot_challenge
  examples: |
    - are you a bot?
- intent: affirm
  examples: |
    - yes
- lookup: city
  examples: |
    - Berlin
"""
RULES = """
rules:
- rule: say what it is
  steps:
  - intent: bot_challenge
  - action: utter_iamabot
"""


@pytest.fixture
def read(tmp_path):
    def run(content, name="faq.yml", **options):
        return read_content(tmp_path, name, content, **options)

    return run


@pytest.fixture
def read_together(read):
    """Read several files as one ingest does."""

    def run(**files):
        items = []
        for name, content in files.items():
            kind = "json" if content.lstrip()[0] in "{[" else "yml"
            found = read(content, name=f"{name}.{kind}")
            items += [*found.records, *found.rejections, *found.notes]
        joined = list(join_halves(items))
        return Read(
            *([item for item in joined if type(item).__name__ == kind] for kind in ("Record", "Rejection", "Note"))
        )

    return run


def test_a_list_of_entries_is_read_with_the_line_of_each(read):
    found = read("- question: a\n  answer: b\n  similar: [c, d]\n\n- 问题: e\n  答案: |\n    one\n    two\n")
    assert [(r.question, r.answer, r.similar_questions, r.source.place) for r in found.records] == [
        ("a", "b", ("c", "d"), "line 1"),
        ("e", "one\ntwo", (), "line 5"),
    ]


def test_scalars_stay_what_was_written(read):
    found = read(
        "- question: 08:30?\n  answer: yes\n- q: 3.0\n  a: 2026-01-31\n- q: empty\n  a: ~\n- q: 'no'\n  a: '~'\n"
    )
    assert found.pairs == [("08:30?", "yes"), ("3.0", "2026-01-31"), ("empty", ""), ("no", "~")]


def test_questions_may_be_keys(read):
    assert read("怎么退货: 七天之内\n运费多少: 十元\n").pairs == [("怎么退货", "七天之内"), ("运费多少", "十元")]


def test_several_documents_in_a_file_are_read(read):
    assert read("question: a\nanswer: &x b\n---\nfaq:\n- question: c\n  answer: *x\n").pairs == [("a", "b"), ("c", "b")]


def test_a_file_in_gbk_is_read(read):
    assert read("- 问题: 怎么退货\n  答案: 七天之内\n".encode("gbk")).pairs == [("怎么退货", "七天之内")]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("question: x\n  question: y", "the key 'question' is there twice"),
        ('question: !!python/object/apply:os.system ["touch /tmp/x"]', "the tag !!python/object/apply:os.system"),
        ("question: x\n  answer: !include secret.yml", "the tag !include is not read"),
        ("question: x\n  tags: *list", "the alias *list stands for a list or mapping"),
        ("question: x\n  <<: *map", "the alias *map stands for a list or mapping"),
        ('question: "x\x00"', "NUL characters"),
        (b"question: x\xff", "not valid UTF-8"),
        ("question: x\n  [a]: y", "a key is not a short text"),
        ("question: x\n  answer: " + "y" * 2_000_000, "longer than 64 KB"),
    ],
    ids=["twice", "python", "include", "alias", "merge", "nul", "bytes", "key", "2-mb"],
)
def test_a_hostile_entry_costs_itself_only(read, entry, reason):
    entry = entry if isinstance(entry, bytes) else entry.encode()
    start = b"defaults:\n  list: &list [a]\n  map: &map {b: c}\nfaq:\n- question: first\n- "
    found = read(start + entry + b"\n- question: last\n")
    assert [r.question for r in found.records] == ["first", "last"]
    (only,) = found.reasons
    assert only.startswith("line 6: ")
    assert reason in only


def test_what_stands_before_a_broken_place_is_kept(read):
    found = read('- question: a\n  answer: b\n- question: c\n  answer: "d\n- question: e\n')
    assert found.pairs == [("a", "b")]
    assert found.reasons == ["line 6: not YAML (found unexpected end of stream); what is behind it was not read"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param("", "the file is empty", id="empty"),
        pytest.param("# only a remark\n", "the file is empty", id="remark"),
        pytest.param("just text", "no question was found", id="text"),
        pytest.param("[" * 10_000, "nested more than", id="deep"),
        pytest.param("a: " * 10_000, "not YAML", id="inline"),
        pytest.param(bytes(range(256)), "not UTF-8 text", id="binary"),
        pytest.param("a: &a [x]\n" + "".join(f"b{n}: [*a,*a]\n" for n in range(9)), "the alias *a", id="laughs"),
    ],
)
def test_a_file_without_entries_is_rejected(read, content, reason):
    found = read(content)
    assert found.records == []
    assert any(reason in each for each in found.reasons)


def test_settings_of_rasa_are_noted_not_rejected(read):
    found = read("language: en\npipeline:\n- name: WhitespaceTokenizer\npolicies: []\n")
    assert found.rejections == []
    assert found.noted == [": a Rasa file without questions and answers; they are in nlu.yml and domain.yml"]


# -- Rasa and Dialogflow: questions and answers in different files


@pytest.mark.parametrize("order", [("domain", "nlu", "rules"), ("rules", "nlu", "domain")])
def test_questions_and_answers_of_rasa_are_joined_whatever_their_order(read_together, order):
    files = {"domain": DOMAIN, "nlu": NLU, "rules": RULES}
    found = read_together(**{name: files[name] for name in order})
    assert [(r.id, r.question, r.similar_questions, r.answer, r.category) for r in found.records] == [
        ("faq/ask_hours", "When do you open in Berlin?", ("opening hours",), "We open at **8**.", "faq"),
        ("bot_challenge", "are you a bot?", (), "I am a bot.\n\n![](https://example.com/bot.png)", ""),
    ]
    assert (found.records[0].source.file, found.records[0].source.place) == ("nlu.yml", "line 4")
    assert all(record.half_of == "" for record in found.records)
    assert found.rejections == []
    assert found.noted[1:] == [
        ": 1 questions have no answer and are left out: utter_affirm",
        ": 1 answers have no question and are left out: utter_greet",
    ]
    assert "has the slot {name}" in found.noted[0]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"nlu": NLU}, ": 3 questions have no answer (utter_faq/ask_hours, utter_bot_challenge, utter_affirm); give"),
        ({"domain": DOMAIN}, ": 3 answers have no question (utter_faq/ask_hours, utter_greet, utter_iamabot); give"),
    ],
    ids=["questions", "answers"],
)
def test_one_half_of_a_bot_alone_is_rejected_with_the_remedy(read_together, files, reason):
    found = read_together(**files)
    assert found.records == []
    assert found.reasons[0].startswith(reason)


def test_the_older_json_of_rasa_is_joined_too(read_together):
    greetings = ", ".join(f'{{"text": "{text}", "intent": "greet"}}' for text in ("hi", "hey"))
    examples = '{"rasa_nlu_data": {"common_examples": [' + greetings + "]}}"
    found = read_together(nlu=examples, domain="responses:\n  utter_greet:\n  - text: Hello!\n")
    assert [(r.question, r.similar_questions, r.answer) for r in found.records] == [("hi", ("hey",), "Hello!")]


def test_the_files_of_an_agent_of_dialogflow_are_joined(read_together):
    found = read_together(
        returns='{"name": "returns", "auto": true, "responses": [{"messages": [{"speech": ["In 7 days."]}]}]}',
        returns_usersays_en='[{"data": [{"text": "how to "}, {"text": "return"}]}, {"data": [{"text": "refund"}]}]',
    )
    (record,) = found.records
    assert (record.question, record.similar_questions, record.answer) == ("how to return", ("refund",), "In 7 days.")
    assert record.language == "en"


def test_halves_are_held_to_the_limits_of_records(read):
    found = read("nlu:\n- intent: a\n  examples: |\n    - " + "x" * 70_000 + "\n")
    assert "longer than 64 KB" in found.reasons[0]
