"""Words around a number that label it as a telephone number or as something else, in the most frequent languages."""

from __future__ import annotations

import re
from typing import Final

from pipelines.scrub.hints import Hints


def _cases(hint: str) -> tuple[str, ...]:
    """The hint with an initial capital and in capitals, if it has letters outside ASCII."""
    return () if hint.isascii() else (hint.title(), hint.upper())


_GAP: Final = r"[\s:：=.,_\-–—()（）\[\]【】\"'“”*|/\\]*+"
_FILLER: Final = (
    _GAP + r"(?:(?:(?:numbers?|no|nr|num|is|are|was|at|us|on|to|me|office|direct|line|work|home|und|oder|or|and|номер)\b|n[°º]"
    r"|lautet|ist|est|es|号码?|號碼?|番号|번호|是|为|為|رقم)" + _GAP + r")*+\Z"
)
LABEL: Final = re.compile(
    r"(?:\b(?:tele)?phones?|\bcontact (?:number|no|num)\b|\btel|\btlf|\btelef|\b(?:tele|e)?fax|\bmobiles?|\bmob|\bcell(?:ular|phone)?"
    r"|\bwhats\s?app|\bhotline|\bhelpline|\btoll[\s-]?free|\bphone\s+no|telefon(?:nummer|\w{0,4})|t[ée]l[ée]phone|\btél|m[óo]vil|celular"
    r"|t[ée]l[ée]m[óo]vel|\bhandy(?:nummer)?|\bmobil|\bgsm|\bpuh(?:elin)?|\bs[ií]mi|\btelp|\bponsel|\bt[āa]lr(?:unis)?"
    r"|тел(?:ефон\w?)?|\bмоб(?:ильный|ільний)?|факс|τηλ(?:έφωνο)?|κιν(?:ητό)?|φαξ|հեռ(?:ախոս)?|ტელ(?:ეფონი)?"
    r"|電話|电话|手机|手機|移动电话|传真|傳真|热线|熱線|座机|携帯|ファックス|전화|휴대폰|휴대전화|팩스|โทร(?:ศัพท์|สาร)?|มือถือ|เบอร์"
    r"|هاتف|جوال|موبايل|محمول|فاكس|تلفن|موبایل|همراه|نمابر|فون|טלפון|נייד|טל|פקס"
    r"|फ़ोन|फोन|मोबाइल|दूरभाष|ফোন|মোবাইল|தொலைபேசி|ఫోన్|ఫోను|điện thoại|sđt|di động)" + _FILLER,
    re.IGNORECASE,
)
LABEL_AFTER: Final = re.compile(
    r"[\s\-–(\[,]{0,3}(?:\(?(?:fax|mobile|mob|cell|tel|telephone|phone|office|toll[\s-]?free)\b|(?:手机|电话|传真))"
    r"|\sis\s(?:the|our|my|a)\s(?:(?:phone|telephone|contact)\s)?number\sto\s(?:call|ring|dial|text|reach)\b",
    re.IGNORECASE,
)
CUE: Final = re.compile(
    r"\b(?:calls?|calling|dial|contact(?:ed)?|text|sms|ring|reach(?:ed)?|phone|tel|fax|mobile|cell|message|telefon\w*|anruf\w*|rufen|appel\w*"
    r"|joign\w*|llam\w*|ligue|chiam\w*|whatsapp|hotline|ringen?|zadzwo\w*|zavolej\w*|hubungi|gọi)\b"
    r"|звон|дзвон|联系|聯繫|拨打|致电|咨询|電話|电话|手机|微信|お問い合わせ|연락|문의|ติดต่อ|اتصل|للتواصل|تماس|התקשר|संपर्क|καλέστε",
    re.IGNORECASE,
)
_SOFT: Final = (
    r"(?:\b(?:reservations?|bookings?|inquir\w+|enquir\w+|office|reception|customer\s(?:service|care)|support|help\s?desk|emergency"
    r"|questions?|ask\sfor|(?:our|my|her|his|their|new)\s(?:new\s)?number\sis|appointments?|kontakt|contacto|contato|contatti|reservas?|reservierung\w*|r[ée]servations?|prenotazion\w+"
    r")\b|予約|预约|預約|客服|контакт)"
)
SOFT_CUE: Final = re.compile(_SOFT, re.IGNORECASE)
"""After these words, a grouped number is a telephone number if it is valid in a region that the document is from;"""
SOFT_LABEL: Final = re.compile(_SOFT + _FILLER, re.IGNORECASE)
"""directly after them, also if it is valid in a region that the document may be from."""
_WHOM: Final = r"(?:\s(?:me|us|him|her|them|now|today|toll[\s-]free|directly|back|our\soffice|the\soffice|reception))?"
CALL: Final = re.compile(
    rf"\b(?:call|calling|dial|text|ring|reach|contact|phone|telephone|answer|answering|sms){_WHOM}(?:\s(?:at|on|via))?[\s:]*\Z"
    r"|\b(?:messages?|texts|calls|text|ring|call|reached|contacted)\s(?:to|at|on|from|via)[\s:]*\Z|\bmy\sregistered[\s:]*\Z|(?:拨打|致电)[\s:：]*\Z",
    re.IGNORECASE,
)
INITIAL: Final = re.compile(r"(?<![A-Za-z])[TPMF]: ?\Z")  # of telephone, phone, mobile, fax
OTHER_NUMBER: Final = re.compile(
    r"(?:\b(?:isbn|issn|doi|arxiv|pmid|oclc|lccn|ean|upc|gtin|sku|asin|isrc|cas|vin|imei|serial|orders?|invoice|account|acct|routing|aba"
    r"|patent|rfc|cve|bug|issue|ticket|case|ref|reference|ids?|no|nr|version|ver|v|rev|build|pp?|pages?|vol|zip|plz|ein|tax|ssn|card|iban"
    r"|block|port|seed|size|bytes|time|timestamp|date|score|hash|commit|line|lines|error|code|step)|编号|单号|订单|账号|帐号|号|第)"
    r"[\s:：=.#\"'-]{0,4}\Z|[$€£¥￥₹₩]\s?\Z|\b(?:usd|eur|gbp|rmb|cny)\s?\Z",
    re.IGNORECASE,
)
_HINTS: Final = (
    "tel tél tlf phone fon phon fax mob óvil movil cel óvel ovel call contact contat kontakt dial ring reach text sms whats"
    " handy gsm puh simi sími hotline helpline toll ponsel tālr talr answer regist messag anruf rufen appel joign llam ligue"
    " chiam zadzwo zavolej hubungi gọi reserv réserv book inquir enquir office recept customer support help emergen question"
    " ask number appoint prenot тел моб факс звон дзвон контакт τηλ κιν φαξ καλ հեռ ტელ 电话 電話 手机 手機 传真 傳真"
    " 热线 熱線 座机 携帯 ファ 联系 聯繫 拨打 致电 咨询 微信 予約 预约 預約 客服 お問 전화 휴대 팩스 연락 문의 โทร มือถือ"
    " เบอร์ ติดต่อ هاتف جوال موبا محمول فاكس تلفن همراه نمابر فون اتصل للتواصل تماس טל נייד פקס התקשר फ़ोन फोन मोबाइल दूरभाष"
    " संपर्क ফোন মোবাইল தொலைபேசி ఫోన్ điện sđt động"
)
HINTS: Final[Hints] = tuple(sorted({form.encode() for hint in _HINTS.split() for form in (hint, *_cases(hint))}))
"""Parts of words, one of which is in every label and cue; ASCII letters match in either case."""
