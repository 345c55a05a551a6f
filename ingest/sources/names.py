"""What columns and keys are called, in Chinese and English, by people and by other bots."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_WORDS: Final[Mapping[str, str]] = {
    "question": """
        question questions q query standard_question main_question customer_question user_question faq_question
        问题 问 标准问 标准问题 标准问法 标准问句 提问 问句 主问题 主问 用户问题 客户问题 用户提问 常见问题 问题内容
        知识问题
    """,
    "answer": """
        answer answers a reply replies standard_answer bot_answer faq_answer answer_text
        答案 答 回答 回复 答复 解答 应答 标准答案 标准回答 标准回复 答案内容 回答内容 回复内容 参考答案 参考回复
        客服回复 问题答案 知识答案
    """,
    "similar_questions": """
        similar_questions similar similar_question variants variant variations alternative_questions
        alternative_question alternate_questions alternate_question alternates paraphrases paraphrase utterances
        other_questions also_asked question_variants synonym_questions indexes
        相似问 相似问题 相似问法 相似问句 相似说法 扩展问 扩展问题 扩展问法 同义问 同义问题 同义问法 近似问 近似问题
        类似问题 类似问法 其他问法 更多问法 用户问法
    """,
    "category": """
        category categories topic section group folder module
        分类 类别 类目 目录 问题分类 问题类别 问题类型 知识分类 知识目录 所属分类 所属目录 所属类目 分组 模块 板块 栏目
        类型
    """,
    "language": "language lang locale 语言 语种",
    "tags": "tags tag labels label 标签 知识标签",
    "id": "id entry_id faq_id qna_id qnaid knowledge_id uuid _id 编号 问题编号 知识编号 问题id 知识id",
    "valid_from": "valid_from start_date effective_from 生效时间 生效日期 有效期起 开始时间 开始日期",
    "valid_until": """
        valid_until valid_to expires end_date expiry_date 失效时间 失效日期 有效期至 到期时间 结束时间 结束日期
    """,
}
NAMES: Final[Mapping[str, str]] = {name: field for field, words in _WORDS.items() for name in words.split()}
FIELDS: Final = tuple(_WORDS)

# Names that other things bear too: they count only where no better one is there, and only both together.
_WEAK_WORDS: Final[Mapping[str, str]] = {
    "question": "title prompt instruction subject heading problem 标题 知识标题 主题 名称 知识点",
    "answer": """
        content body text output response completion description solution page_content
        内容 正文 解决方案 解决办法 处理方式 知识内容 话术 说明
    """,
}
_WEAK: Final[Mapping[str, str]] = {name: field for field, words in _WEAK_WORDS.items() for name in words.split()}
_TRADITIONAL: Final = str.maketrans(
    "問題標準類別標籤編號語種復覆應擴說導內參顯時間開結終錄組塊欄體應客戶",
    "问题标准类别标签编号语种复复应扩说导内参显时间开结终录组块栏体应客户",
)
_ASIDE: Final = re.compile(r"\([^()]{0,60}\)|\[[^\[\]]{0,60}\]|【[^【】]{0,60}】|[*:：。.#\"'“”]")
_NUMBERED: Final = re.compile(r"(.*?)_?(\d{1,3}|[一二三四五六七八九十]{1,3})")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])")  # similarQuestions
_LONGEST: Final = 200  # characters of a name that are looked at
_FIRST: Final = frozenset({"1", "01", "001", "一"})


def canonical(name: str) -> str | None:
    """Tell which field a column or key is, None if none that is known.

    "相似问3" and "Similar question (optional) 3" are similar questions; "问题1" is the question, "问题2" a similar one.
    """
    return _canonical(name[:_LONGEST])


def weakly(name: str) -> str | None:
    """Tell which field a column or key may be whose name is common elsewhere too: "title", "内容"."""
    return _WEAK.get(fold(name))


def fold(name: str) -> str:
    """Bring a name to the form that is compared: no case, width, asides, traditional characters."""
    return _folded(name[:_LONGEST])


@lru_cache(maxsize=4096)
def _canonical(name: str) -> str | None:
    folded = _folded(name)
    if folded in NAMES:
        return NAMES[folded]
    numbered = _NUMBERED.fullmatch(folded)
    if numbered is None:
        return None
    field, first = NAMES.get(numbered[1]), numbered[2] in _FIRST
    if field == "question":
        return field if first else "similar_questions"
    return field if field == "similar_questions" or (field == "answer" and first) else None


@lru_cache(maxsize=4096)
def _folded(name: str) -> str:
    apart = _CAMEL.sub("_", unicodedata.normalize("NFKC", name).replace("\ufeff", ""))
    folded = apart.casefold().translate(_TRADITIONAL)
    return re.sub(r"[\s_-]+", "_", _ASIDE.sub(" ", folded).strip(" \t\r\n-"))
