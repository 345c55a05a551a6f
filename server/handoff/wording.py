"""What a visitor is told of a transition, in Chinese and English: short, exact, and what comes next."""

from collections.abc import Mapping
from enum import StrEnum

from engine.types import Reason
from server.handoff.states import Option, Status


class Told(StrEnum):
    """What happened, as a client that words it itself needs to know."""

    OFFER = "offer"
    OFFER_UPSET = "offer_upset"
    OFFER_DECLINED = "offer_declined"
    QUEUED = "queued"
    POSITION = "position"
    STILL_WAITING = "still_waiting"
    ALL_BUSY = "all_busy"
    KEPT_WAITING = "kept_waiting"
    ASKING_BOT = "asking_bot"
    PLACE_LOST = "place_lost"
    CANCELLED = "cancelled"
    OFFLINE = "offline"
    OFFLINE_NOW = "offline_now"  # it was open when the wait began
    LEAVE_MESSAGE = "leave_message"
    MESSAGE_LEFT = "message_left"
    TEAM_BACK = "team_back"
    JOINED = "joined"
    TOOK_OVER = "took_over"
    TRANSFERRING = "transferring"
    STILL_WITH = "still_with"
    PASSED_ON = "passed_on"
    HOLD = "hold"
    FINDING_OTHER = "finding_other"
    LOST_AGENT = "lost_agent"
    NUDGE = "nudge"
    CLOSED = "closed"
    CLOSED_IDLE = "closed_idle"
    BACK_WITH_BOT = "back_with_bot"
    RECONNECTING = "reconnecting"
    BOT_FAILED = "bot_failed"


class Press(StrEnum):
    """What the buttons mean."""

    YES = "yes"
    NO = "no"
    HUMAN = "human"
    CANCEL = "cancel"
    ASK_BOT = "ask_bot"
    KEEP_WAITING = "keep_waiting"
    LEAVE_MESSAGE = "leave_message"
    BACK_TO_BOT = "back_to_bot"


STARS = ("1", "2", "3", "4", "5")

# Each text may end in parts that are said only where their value is known: "{?minutes}…{/}".
_EN: Mapping[Told, str] = {
    Told.OFFER: "I may not have the right answer. Would you like to talk to a person?",
    Told.OFFER_UPSET: "I'm sorry this is going badly. Would you like to talk to a person?",
    Told.OFFER_DECLINED: "OK, I'll keep trying.",
    Told.QUEUED: "Connecting you to a person. You are number {position}{?minutes}, about {minutes} min{/}.",
    Told.POSITION: "You are now number {position}{?minutes}, about {minutes} min{/}.",
    Told.STILL_WAITING: "You are still number {position}{?minutes}, about {minutes} min{/}. We have not forgotten you.",
    Told.ALL_BUSY: "Everyone is still busy. You are number {position}. What would you like to do?",
    Told.KEPT_WAITING: "You keep your place: number {position}{?minutes}, about {minutes} min{/}.",
    Told.ASKING_BOT: "Ask me anything meanwhile. You keep your place: number {position}.",
    Told.PLACE_LOST: "You were away, so your place in the queue is gone. All you wrote is kept.",
    Told.CANCELLED: "OK, I'm still here.",
    Told.OFFLINE: "{?opens_at}Our team is back {opens_at}.{/}{!opens_at}Nobody of our team is here right now.{/} "
    "Leave your e-mail, or keep asking me.",
    Told.OFFLINE_NOW: "I'm sorry, nobody is left who can take your chat.{?opens_at} Our team is back {opens_at}.{/} "
    "Leave your e-mail, or keep asking me. You won't have to say anything twice.",
    Told.LEAVE_MESSAGE: "Leave your e-mail and what we should know. Our team gets this whole chat with it.",
    Told.MESSAGE_LEFT: "Thank you. {?email}We'll answer to {email}.{/}{!email}We'll answer here.{/}",
    Told.TEAM_BACK: "Our team is back. You are number {position}{?minutes}, about {minutes} min{/}.",
    Told.JOINED: "{name} joined.",
    Told.TOOK_OVER: "{name} is now helping you.",
    Told.TRANSFERRING: "{agent} is asking {?name}{name} from {/}{department} to help.",
    Told.STILL_WITH: "{name} is still with you.",
    Told.PASSED_ON: "{agent} is passing you on to {department}. You are number {position}"
    "{?minutes}, about {minutes} min{/}.",
    Told.HOLD: "{name} is looking into it.",
    Told.FINDING_OTHER: "Sorry for the wait. We're finding someone else. You are number {position}.",
    Told.LOST_AGENT: "{name} lost connection. We're connecting you to a colleague.",
    Told.NUDGE: "Are you still there?",
    Told.CLOSED: "This chat has ended. How did we do?",
    Told.CLOSED_IDLE: "Closed for now.{?name} Reply within {minutes} min to reach {name} again.{/}",
    Told.BACK_WITH_BOT: "Back with the assistant. Say “agent” any time.",
    Told.RECONNECTING: "Reconnecting you with {name}.",
    Told.BOT_FAILED: "That went wrong on my side. Please send it again, or talk to a person.",
}
_ZH: Mapping[Told, str] = {
    Told.OFFER: "我可能没有合适的答案。要为您转接人工客服吗？",
    Told.OFFER_UPSET: "很抱歉没能帮到您。要为您转接人工客服吗？",
    Told.OFFER_DECLINED: "好的，我再想想办法。",
    Told.QUEUED: "正在为您转接人工客服。您排在第 {position} 位{?minutes}，大约需要 {minutes} 分钟{/}。",
    Told.POSITION: "您现在排在第 {position} 位{?minutes}，大约还需 {minutes} 分钟{/}。",
    Told.STILL_WAITING: "您仍排在第 {position} 位{?minutes}，大约还需 {minutes} 分钟{/}，我们没有忘记您。",
    Told.ALL_BUSY: "客服仍在忙，您排在第 {position} 位。您希望怎么做？",
    Told.KEPT_WAITING: "已为您保留位置：第 {position} 位{?minutes}，大约还需 {minutes} 分钟{/}。",
    Told.ASKING_BOT: "等待期间您可以继续问我。位置已保留：第 {position} 位。",
    Told.PLACE_LOST: "您离开了一段时间，排队位置已取消。您写的内容都还在。",
    Told.CANCELLED: "好的，我还在这里。",
    Told.OFFLINE: "{?opens_at}人工客服将于{opens_at}回来。{/}{!opens_at}人工客服暂时不在。{/}"
    "您可以留下邮箱，也可以继续问我。",
    Told.OFFLINE_NOW: "很抱歉，现在没有客服能接待您了。{?opens_at}人工客服将于{opens_at}回来。{/}"
    "您可以留下邮箱，也可以继续问我，无需重复说明。",
    Told.LEAVE_MESSAGE: "请留下邮箱和想说的话，客服会连同这段对话一起收到。",
    Told.MESSAGE_LEFT: "谢谢！{?email}我们会回复到 {email}。{/}{!email}我们会在这里回复您。{/}",
    Told.TEAM_BACK: "人工客服回来了。您排在第 {position} 位{?minutes}，大约需要 {minutes} 分钟{/}。",
    Told.JOINED: "{name} 已加入对话。",
    Told.TOOK_OVER: "现在由 {name} 为您服务。",
    Told.TRANSFERRING: "{agent} 正在请{department}{?name}的 {name} {/}来帮忙。",
    Told.STILL_WITH: "{name} 继续为您服务。",
    Told.PASSED_ON: "{agent} 正在把您转给{department}。您排在第 {position} 位{?minutes}，大约需要 {minutes} 分钟{/}。",
    Told.HOLD: "{name} 正在为您查询。",
    Told.FINDING_OTHER: "抱歉让您久等，正在为您安排其他客服。您排在第 {position} 位。",
    Told.LOST_AGENT: "{name} 的连接中断了，正在为您转接其他同事。",
    Told.NUDGE: "您还在吗？",
    Told.CLOSED: "本次对话已结束。您对我们的服务满意吗？",
    Told.CLOSED_IDLE: "对话暂时结束。{?name}{minutes} 分钟内回复即可再次联系 {name}。{/}",
    Told.BACK_WITH_BOT: "现在由智能助手为您服务。随时说“转人工”即可。",
    Told.RECONNECTING: "正在为您重新联系 {name}。",
    Told.BOT_FAILED: "我这边出了点问题。请重新发送，或者转接人工客服。",
}
# What is said before all else where it is known why: (Chinese, English).
_OPENINGS: Mapping[str, tuple[str, str]] = {
    Reason.SAFETY: (
        "您的安全最重要：如有紧急危险，请立即联系当地急救或消防。",
        "Your safety comes first: in an emergency, call your local emergency number now. ",
    ),
    Reason.COMPLAINT: ("非常抱歉给您带来不好的体验。", "I'm very sorry about this. "),
    Reason.TOOL_FAILURE: ("抱歉，系统暂时无法回答。", "Sorry, I can't answer right now. "),
}
_OPENED = frozenset({Told.QUEUED, Told.OFFLINE})
_LABELS: Mapping[Press, tuple[str, str]] = {
    Press.YES: ("好的，转人工", "Yes"),
    Press.NO: ("不用，继续问", "No, keep trying"),
    Press.HUMAN: ("转人工", "Talk to a person"),
    Press.CANCEL: ("不等了", "Stop waiting"),
    Press.ASK_BOT: ("等待时继续问助手", "Ask the assistant while I wait"),
    Press.KEEP_WAITING: ("继续等待", "Keep waiting"),
    Press.LEAVE_MESSAGE: ("留言", "Leave a message"),
    Press.BACK_TO_BOT: ("回到智能助手", "Back to the assistant"),
}
_CHOICES: Mapping[Told, tuple[Press, ...]] = {
    Told.OFFER: (Press.YES, Press.NO),
    Told.OFFER_UPSET: (Press.YES, Press.NO),
    Told.QUEUED: (Press.ASK_BOT, Press.CANCEL),
    Told.STILL_WAITING: (Press.ASK_BOT, Press.CANCEL),
    Told.ALL_BUSY: (Press.KEEP_WAITING, Press.LEAVE_MESSAGE, Press.BACK_TO_BOT),
    Told.PLACE_LOST: (Press.HUMAN,),
    Told.OFFLINE: (Press.LEAVE_MESSAGE,),
    Told.OFFLINE_NOW: (Press.LEAVE_MESSAGE,),
    Told.BOT_FAILED: (Press.HUMAN,),
}


def word(told: Told, language: str, values: Mapping[str, str] | None = None, *, reason: str = "") -> Status:
    """Word what a visitor is told.

    Args:
        told: what happened.
        language: Chinese for "zh" and its kinds, English for all others.
        values: what the text needs; those that are "" are not known.
        reason: why a person is wanted: danger and complaints are answered first.

    Raises:
        KeyError: a value is missing that the text cannot do without.
    """
    values = {name: value for name, value in (values or {}).items() if value}
    chinese = language.startswith("zh")
    template = _without_unknown((_ZH if chinese else _EN)[told], values)
    opening = _OPENINGS[reason][0 if chinese else 1] if told in _OPENED and reason in _OPENINGS else ""
    options = [Option(value=press, label=_LABELS[press][0 if chinese else 1]) for press in _CHOICES.get(told, ())]
    if told is Told.CLOSED:
        options = [Option(value=star, label=star) for star in STARS]
    return Status(
        code=told.value, text=opening + template.format_map(values).strip(), values=values, choices=tuple(options)
    )


def _without_unknown(template: str, values: Mapping[str, str]) -> str:
    """Resolve "{?name}said if known{/}" and "{!name}said if not{/}"."""
    said: list[str] = []
    for place, part in enumerate(template.replace("{!", "{?!").split("{?")):
        if place == 0:
            said.append(part)
            continue
        name, _, rest = part.partition("}")
        inner, _, after = rest.partition("{/}")
        if (name.lstrip("!") in values) != name.startswith("!"):
            said.append(inner)
        said.append(after)
    return "".join(said)
