"""In which language a text is written, as far as replies and search need to know it.

Scripts tell most; among languages in Latin letters, words that carry grammar and not meaning (as in W. Cavnar and
J. Trenkle's observation of 1994 that the commonest tokens suffice). A few microseconds, no model.
"""

import re

from models.protocols import Language
from models.spelling.english_lists import everyday
from models.spelling.pinyin import split
from models.text import HAN

_HAN_CHAR = re.compile(f"[{HAN}]")
_LATIN_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# Scripts of languages that are neither: kana, hangul, Cyrillic, Greek, Hebrew, Arabic, the Indic ones, Thai and others.
_OTHER_SCRIPT = re.compile("[\u0370-\u1dbf\u1f00-\u1fff\u3041-\u309f\u30a1-\u30fa\uac00-\ud7af\uff66-\uff9d]")
_KANA_OR_HANGUL = re.compile("[\u1100-\u11ff\u3041-\u309f\u30a1-\u30fa\uac00-\ud7af\uff66-\uff9d]")
# A letter with a mark, as no English word and no pinyin without tones has it.
_MARKED = re.compile("[ß-öø-ÿāăąćčďđęěğīłńňőœřśşšţťůűźżž]", re.IGNORECASE)
_LEAST_PINYIN = 5  # letters; shorter ones are names and abbreviations as well
_LINK = re.compile(r"https?://[!-~]+|www\.[!-~]+|[!-~]+@[!-~]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# English words that a Chinese sentence takes in without becoming a mixed one: brands, and what shops call things.
_BORROWED = _words("""
    app apps vip ok iphone ipad ipod imac macbook airpods ios android wifi qq pc web email mail id sim esim usb gps
    apple huawei xiaomi mate pro max plus mini ultra air watch mac windows office excel word ppt pdf google facebook
    paypal visa mastercard amazon taobao tmall alipay wechat weixin logo bug hi hello bye sorry thanks ktv atm pos
    kindle dna bb cpu gpu ps switch steam netflix samsung sony nike adidas ikea lego pin puk ip url vpn nfc code
""")

_ENGLISH = _words("""
    the a an is are am was were be been i i'm my me you your we our us it its this that these those what where when why
    who how which can can't could will would do does did don't doesn't didn't have has had not no and or but if of to
    for with from at by as there here please help need want get got order refund about any some only just up out all so
""")

# Grammar of German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Polish, Turkish, Indonesian, Vietnamese, and
# what their speakers come to a help desk for; less what is an English word too.
_FOREIGN = _words("""
    der die das den dem des ein eine einen einem einer ist sind war ich wir ihr sie mein meine meinen meiner nicht kein
    keine und oder aber wie wo wann warum wer mit von zu zum zur bei auf für nach habe haben hat kann können möchte wird
    werden bitte danke noch auch bestellung rechnung paket hallo
    le la les un une des du de et ou est sont je tu il elle nous vous mon ma mes votre vos ne pas que qui quoi où quand
    comment pourquoi avec pour dans sur au aux ce cette ces puis peux peut veux avez suis bonjour merci c'est j'ai n'ai
    l'argent d'un d'une qu'est commande remboursement livraison colis
    el los las una unos unas y o es son está yo mi mis su sus no por qué cómo dónde cuándo cuál para con sin en del al
    se puedo puede quiero tengo hola gracias pedido devolver esto cancelar cuenta
    il lo gli di da per che chi come dove quando perché non sono ho hai mio mia posso grazie ciao
    um uma os as em não meu minha eu você como onde por obrigado olá
    het een van ik mijn niet hoe wat waar wanneer kan voor naar met geen hoi
    och jag är inte hur det att min mitt
    jak nie jest moje mój czy gdzie kiedy dlaczego proszę się na
    ve bir bu nasıl için değil
    saya anda tidak apa bagaimana yang untuk dengan bisa
    tôi không là của được
""") - _words("as come comment come die hat in is kan may men met min no o os per pour sin son war was y")


def detect(text: str) -> Language:
    """Tell the language of a text; a text without words is of none (OTHER).

    Chinese typed in Latin letters is Chinese, and stays so with brand names, codes and links in it; English words of
    their own beside Chinese ones make it MIXED.
    """
    if "@" in text or "www." in text or "://" in text:
        text = _LINK.sub(" ", text)
    han = 0 if text.isascii() else len(_HAN_CHAR.findall(text))
    if not text.isascii():
        other = len(_OTHER_SCRIPT.findall(text))
        # a Chinese text may be decorated with one kana
        if other and (other >= han or len(_KANA_OR_HANGUL.findall(text)) > 1) and other * 2 >= _latin_letters(text):
            return Language.OTHER
    if han:
        return Language.MIXED if _own_words(text, han) else Language.ZH
    words = _LATIN_WORD.findall(text)
    return _of_latin(words) if words else Language.OTHER


def _latin_letters(text: str) -> int:
    return sum(char.isascii() and char.isalpha() for char in text)


def _own_words(text: str, han: int) -> bool:
    """Whether a text with Chinese in it says something in English too."""
    words = [
        word
        for word in _LATIN_WORD.findall(_HAN_CHAR.sub(" ", text))
        if len(word) > 1 and word.lower() not in _BORROWED and not _is_code(word)
    ]
    if not words:
        return False
    if not any(_is_english(word.lower()) for word in words):
        return False  # names, codes or pinyin
    grammar = sum(word.lower() in _ENGLISH for word in words)
    return grammar > 0 or len(words) > 1 or len(words[0]) > 3 or han <= 2


def _is_code(word: str) -> bool:
    return word.isupper()


def _is_english(word: str) -> bool:
    return word in _ENGLISH or (len(word) > 3 and everyday(word))


def _of_latin(written: list[str]) -> Language:
    words = [word.lower() for word in written]
    english = sum(word in _ENGLISH for word in words)
    foreign = sum(word in _FOREIGN for word in words)
    marked = 0 if "".join(words).isascii() else sum(_MARKED.search(word) is not None for word in words)
    if marked > english and marked * 3 >= len(words):
        return Language.OTHER
    if foreign > english and (foreign + marked) * 4 >= len(words):
        different = {word for word in words if word in _FOREIGN or not word.isascii()}
        if len(different) > 1 or len(words) == 1 < len(words[0]) - 2:
            return Language.OTHER
    if not english and _is_pinyin([word for word in written if not _is_code(word)]):
        return Language.ZH
    return Language.EN


def _is_pinyin(written: list[str]) -> bool:
    """Whether every word can be read as pinyin, and most letters stand in words that are not English."""
    words = [word.lower() for word in written]
    if sum(map(len, words)) < _LEAST_PINYIN or not all(split(word) for word in words):
        return False
    strange = [word for word in words if not everyday(word)]
    return sum(map(len, strange)) * 5 >= sum(map(len, words)) * 3
