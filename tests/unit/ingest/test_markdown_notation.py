from datetime import UTC

from ingest.limits import Limits
from ingest.sources.document import Document, ReadOptions
from ingest.sources.markdown_file import read_markdown

TEXT = """# 保修条款

## 哪些情况不在保修范围内？ {#policy-zh-wear}

Also asked: 磨破了保修吗 | 人为损坏保不保

以下不在保修范围：

- 正常磨损

## What is covered?

Defects in material, for two years.
"""


def read(tmp_path, text):
    path = tmp_path / "policies.md"
    path.write_text(text, "utf-8")
    return list(read_markdown(Document(path=path, name="policies.md"), ReadOptions(limits=Limits(), zone=UTC)))


def test_an_id_behind_a_heading_is_kept_and_is_no_part_of_the_question(tmp_path):
    first, second = read(tmp_path, TEXT)
    assert (first.id, first.question) == ("policy-zh-wear", "哪些情况不在保修范围内？")
    assert not second.id


def test_the_line_of_similar_questions_is_no_part_of_the_answer(tmp_path):
    first, second = read(tmp_path, TEXT)
    assert tuple(first.similar_questions) == ("磨破了保修吗", "人为损坏保不保")
    assert first.answer.startswith("以下不在保修范围")
    assert second.answer == "Defects in material, for two years."
