"""The same kinds of values as people write them: with other separators, in Markdown, JSON and CSV, in other scripts and widths.

In each text the value stands in double brackets; it must go whole, and nothing beside it.
"""

from __future__ import annotations

import re

import pytest

from tests.scrub.pii import scrubbed

WRITTEN: dict[tuple[str, str], tuple[str, ...]] = {
    ("phone", "en"): (
        "Reach me at [[+44 (0)20 7946 0958]] after six.", "Reach me at [[+44 20 7946 0958 ext. 12]] after six.",
        "Our office: [[+1 (415) 555-2671 x 45]].", "Our office: [[+1 (415) 555-2671, ext 45]].", "Ring [[001-415-555-2671]] please",
        "Ring [[(415) 555.2671]] please", "dial [[415.555.2671]]", "Mobile [[07700 900123]].", "You can phone [[020 7946 0958]] today.",
        "My cell: [[4155552671]]", "| Name | Phone |\n|---|---|\n| Ann | [[415-555-2671]] |",
        '{"name": "Ann", "phone": "[[+14155552671]]"}', '{"phoneNumber":"[[(415) 555-2671]]"}', '"phone": [[4155552671]],',
        "name,phone,city\nAnn,[[415-555-2671]],Boston", "name;phone\nAnn;[[+49 30 901820]]", "tel:[[+1-415-555-2671]]",
        '<a href="tel:[[+14155552671]]">call</a>', "Call [[1-800-356-9377]] toll free", "**Phone:** [[415-555-2671]]",
        "**Phone**: [[415-555-2671]]", "_Tel._ [[415-555-2671]]", "Phone number: [[415 555 2671]]", "WhatsApp [[+91 98765 43210]]",
        "WhatsApp [[+91-98765-43210]]", "call [[+91 9876543210]] now", "Fax [[+33 (0)1 42 68 53 00]]", "Fax [[+33 1 42 68 53 00]]",
        "[[+49 (0) 30 901820]]", "[[+49 (030) 901820]] is it", "[[+49/30/901820]] is it", "[[+61 2 9374 4000]]", "[[+61 (2) 9374 4000]]",
        "call [[(02) 9374 4000]]", "text me at [[646-555-0199]]", "her number is [[646-555-0199]]",
        "you can find me under [[(646) 253-0000]] or mail", "I can be reached on [[0161 496 0000]].", "ph. [[650-253-0000]]",
        "Ph: [[650 253 0000]]", "T: [[+44 161 496 0000]]", "P: [[650-253-0000]] F: [[650-253-0001]]", "M: [[07911 123456]]",
        "contact number [[9876543210]]", "contact no. [[98765-43210]]", "Emergency contact: Bob, [[212-736-5000]]",
        "My number changed to [[(212) 736 5000]].", "Please update my phone number to [[212 7365000]]", "[[1 (212) 736-5000]]",
        "[[1.212.736.5000]]", "[[+1.212.736.5000]]", "[[+12127365000]]", "[[+1 212 736 5000 extension 7]]", "[[212-736-5000x123]]",
        "[[212-736-5000 x123]]", "[[(212)736-5000]]", "[[(212)7365000]] call", "[[212\u2011736\u20115000]]",
        "[[212\u2013736\u20135000]] call us", "Tel [[212 736 5000]]", "Phone (home): [[212-736-5000]]", "Phone [work]: [[212-736-5000]]",
        "home phone - [[212-736-5000]]", "phone=[[2127365000]]&x=1", "phone: '[[2127365000]]'", 'phone_number = "[[212-736-5000]]"',
        "phone_number: [[2127365000]]", "number to call back is [[2127365000]]", "I lost my card, my phone is [[(0131) 496 0123]], help",
        "ring me: [[0131-496-0123]]",
    ),
    ("phone", "de"): (
        "Telefon: [[030/901820]]", "Rufen Sie [[030 901820-12]] an", "Tel.: [[+49-30-901820]]", "Mobil: [[0151 23456789]]",
        "Handynummer [[0151/23456789]]", "Telefonnummer lautet [[0711 / 123 456]]",
    ),
    ("phone", "fr"): (
        "Tél. : [[01 42 68 53 00]]", "Appelez le [[01.42.68.53.00]]", "portable [[06 12 34 56 78]]", "[[06.12.34.56.78]]",
        "joignable au [[0612345678]]",
    ),
    ("phone", "es"): (
        "Llámame al [[912 345 678]]", "Teléfono [[91 234 56 78]]", "móvil: [[612 345 678]]", "mi número es [[+34 612 34 56 78]]",
    ),
    ("phone", "it"): (
        "Telefono: [[06 6982 1234]]", "chiama il [[347 1234567]]",
    ),
    ("phone", "pt"): (
        "Telefone: [[(11) 91234-5678]]", "ligue [[11 91234-5678]]", "celular [[(11)91234-5678]]",
    ),
    ("phone", "ru"): (
        "Телефон: [[8 (495) 123-45-67]]", "Звоните [[+7 495 123-45-67]]", "тел. [[8-495-123-45-67]]",
    ),
    ("phone", "ja"): (
        "電話番号は[[03-3224-9999]]です", "TEL：[[03-3224-9999]]", "携帯[[090-1234-5678]]",
    ),
    ("phone", "ko"): (
        "전화: [[02-312-3456]]", "휴대폰 [[010-2345-6789]]", "전화번호는 [[010-2345-6789]]입니다",
    ),
    ("phone", "zh"): (
        "电话：[[010-62512345]]", "联系电话[[021-62512345]]", "客服热线：[[400-820-8820]]", "请致电[[（0755）12345678]]",
        "电话：[[＋８６－１０－６２５１２３４５]]", "电话[[(010)62512345]]",
    ),
    ("cn_mobile", "zh"): (
        "手机号是[[13800138000]]。", "手机：[[138-0013-8000]]", "微信同号[[１３８００１３８０００]]", "[[+86 138 0013 8000]]",
        "张三，[[13800138000]]，北京", "姓名,手机\n张三,[[13800138000]]\n", "身份证旁的手机 [[138 0013 8000]]",
    ),
    ("payment_card", "en"): (
        "card [[4012 8888 8888 1881]] expires", "card [[4012-8888-8888-1881]] expires", "card [[4012.8888.8888.1881]] expires",
        "card [[4012\xa08888\xa08888\xa01881]] expires", "[[4012888888881881]]", "[[3782 822463 10005]]", "[[3782-822463-10005]]",
        "[[378282246310005]]", "[[30569309025904]]", "[[6011111111111117]]", "[[3530111333300000]]", "[[5555-5555-5555-4444]]",
        '{"card_number":"[[4012888888881881]]"}', '{"pan": [[4012888888881881]]}', "name,card\nAnn,[[5555555555554444]],12/27",
        "`[[5555555555554444]]`", "**[[5555 5555 5555 4444]]**", "|[[5555 5555 5555 4444]]|", "银行卡号[[6011 1111 1111 1117]]，",
        "卡号[[４０１２８８８８８８８８１８８１]]", "cc=[[4012888888881881]]", "card\u202f[[4012\u202f8888\u202f8888\u202f1881]]",
        "my visa [[4222222222222]]", "card no [[6304 0000 0000 0000]]", "Mastercard [[2223000048400011]]",
        "card [[4012\u20138888\u20138888\u20131881]]", "pay with [[4012888888881881]], CVV 123",
        "4 cards: [[4012888888881881]],[[5555555555554444]]",
    ),
    ("iban", "en"): (
        "IBAN [[GB82 WEST 1234 5698 7654 32]]", "[[gb82west12345698765432]]", "IBAN: [[gb82 west 1234 5698 7654 32]]",
        "[[GB82-WEST-1234-5698-7654-32]]", "[[DE89 3704 0044 0532 0130 00]]", "[[DE89370400440532013000]]",
        "[[FR14 2004 1010 0505 0001 3M02 606]]", "[[FR1420041010050500013M02606]]", '{"iban":"[[DE89370400440532013000]]"}',
        "iban=[[DE89370400440532013000]]", "IBAN:[[DE89370400440532013000]]", "[[DE89\xa03704\xa00044\xa00532\xa00130\xa000]]",
        "[[DE89.3704.0044.0532.0130.00]]", "a;[[NL91ABNA0417164300]];b", "账号[[DE89370400440532013000]]。",
        "IBAN[[DE89370400440532013000]]", "[[NL91 ABNA 0417 1643 00]] please", "[[BE68 5390 0754 7034]]",
        "[[MT84 MALT 0110 0001 2345 MTLC AST0 01S]]", "[[NO93 8601 1117 947]]", "**[[NO9386011117947]]**",
        "account [[CH93-0076-2011-6238-5295-7]]", "International account [[CH93 0076 2011 6238 5295 7]] was used",
        "IBAN NO [[SE45 5000 0000 0583 9825 7466]] and",
    ),
    ("us_ssn", "en"): (
        "[[536-90-4399]]", "SSN [[536 90 4399]]", "ssn: [[536904399]]", '{"ssn":"[[536904399]]"}', '"ssn": [[536904399]]',
        "Social Security Number: [[536-90-4399]]", "social security no. is [[536 90 4399]]", "SSN#[[536-90-4399]]", "SSN [[536.90.4399]]",
        "SSN [[536\u201390\u20134399]]", "SSN [[536\xa090\xa04399]]", "ssn,[[536-90-4399]],x", "name,ssn\nAnn,[[536-90-4399]]",
        "`[[536-90-4399]]`", "my social is [[536-90-4399]]", "social security [[536904399]]", "S.S.N. [[536 90 4399]]",
        "soc sec [[536904399]]", "SSN=[[536904399]]", "SSN [[536/90/4399]]",
    ),
    ("email", "en"): (
        "[[jane.doe+news@bakery.co.uk]]", "<[[jane@bakery.org]]>", "mailto:[[jane@bakery.org]]", "[jane](mailto:[[jane@bakery.org]])",
        '{"e":"[[jane@bakery.org]]"}', "a,[[jane@bakery.org]],b", "Mail [[jane@bakery.org]].", "([[jane_doe-x@mail.bakery.travel]])",
        "'[[o'neil@bakery.org]]'", "[[用户@例子.中国]]", "邮箱：[[jane@bakery.org]]，", "邮箱[[jane@bakery.org]]谢谢",
        "[[müller@bücher.de]]", "[[jane@bücher.de]]", "[[jane@xn--bcher-kva.de]]", "[[jane%work@bakery.org]]", "[[j@x.io]]",
        "[[JANE@BAKERY.ORG]]", "**[[jane@bakery.org]]**", "_[[jane@bakery.org]]_", "[[jane@bakery.org]]:", "user=[[jane@bakery.org]]&a=1",
        "e-mail:[[jane@bakery.org]]", "[[jane＠bakery.org]]", "[[jane@192-168.bakery.org]]",
        "to=[[jane@bakery.org]];cc=[[bob@bakery.org]]", "https://a.org/u/[[jane@bakery.org]]", "git clone [[jane@bakery.org]]",
        "[[пётр@почта.рф]]", "[[jane@bakery.org]]\\nNext", "jane [[jane@bakery.museum]]", "‘[[jane@bakery.org]]’",
        "[[first.last@sub.domain.example.museum]]", "[[_jane@bakery.org]] x", "[[jane_@bakery.org]] x", "[[1234567890@qq.com]]",
        "QQ邮箱是[[1234567890@qq.com]]。", "[[jane..doe@bakery.org]]", "[[jane.@bakery.org]] x", "[[jane@bakery.org]]\u200b",
        "[[jane@bakery.org]]）", "[[jane@bakery.org]]、[[b@c.jp]]",
    ),
    ("ipv4", "en"): (
        "host [[93.184.216.34]]:8080", "[[93.184.216.34]]/24", "ip=[[93.184.216.34]]", "http://[[93.184.216.34]]/a",
        "从[[93.184.216.34]]登录", "[[93.184.216.34]]-[[93.184.216.99]]", '{"ip":"[[93.184.216.34]]"}', "::ffff:[[93.184.216.34]]",
        "user@[[93.184.216.34]]", "server [[8.8.8.8]]", "ping [[1.1.1.1]]", "[[93.184.216.34]]:80 open", "IP：[[93.184.216.34]]",
        "from [[203.0.114.7]] port 22", "[[93.184.216.34]] - - [10/Oct/2000] GET", "|[[93.184.216.34]]|", "last login: [[52.23.45.10]].",
    ),
    ("ipv6", "en"): (
        "[[2a00:1450:4001:81b::200e]]", "[[2a00:1450:4001:81b::200e]]/64", "[[2a00:1450:4001:81b:0:0:0:200e]]",
        "ip: [[2A00:1450:4001:81B::200E]]", "从[[2a00:1450:4001:81b::200e]]登录", "[[2607:f8b0:4005:805::2004]]%eth0",
        "[[2607:f8b0:4005:805::2004]].", '"[[2607:f8b0:4005:805::2004]]"', "[[2001:4860:4860::8888]]",
        "inet6 [[2001:4860:4860:0000:0000:0000:0000:8888]]",
    ),
    ("mac", "en"): (
        "[[00:1a:2b:3c:4d:5e]]", "[[00-1A-2B-3C-4D-5E]]", "MAC [[001A2B3C4D5E]]", "ether [[a4:83:e7:12:9b:0c]] txqueuelen",
        "mac=[[A4-83-E7-12-9B-0C]]", "MAC地址：[[a4:83:e7:12:9b:0c]]。",
    ),
    ("cn_resident_id", "zh"): (
        "身份证号：[[11010519491231002X]]", "身份证[[11010519491231002x]]。", "[[110105 19491231 002X]]",
        "[[１１０１０５１９４９１２３１００２Ｘ]]", '{"id_card":"[[11010519491231002X]]"}', "张三,[[11010519491231002X]],男",
        "身份证：[[110105-19491231-002X]]", "（[[11010519491231002X]]）", "ID:[[11010519491231002X]]",
    ),
    ("us_routing", "en"): (
        "routing number [[021000021]]", "ABA routing: [[021000021]]", "Routing #[[021000021]]", "RTN [[021000021]]",
        "and routing number is [[021000021]]", "routing transit number [[021000021]]",
    ),
    ("bank_account", "en"): (
        "account number [[12345678]]", "Account No: [[0012345678]]", "acct # [[8721938475]]", "bank account number is [[3847 2839 11]]",
        "Account #: [[3847283911]]", "a/c no. [[00112233445566]]", "checking account [[123456789]]",
        "savings account number: [[123456789]]", "My bank account number [[945456787654]] was", 'account_number: "[[123456789]]"',
        "accountNumber: [[123456789]]", "deposit to account no [[12345678901]]", "beneficiary account: [[12345678901]]",
        "sort code 20-00-00 account [[55779911]]",
    ),
    ("passport", "en"): (
        "passport number [[A12345678]]", "Passport No. [[AB1234567]]", "passport: [[123456789]]", "my passport [[X1234567]]",
        "passport number is [[C01X00T47]]", "passport #[[K1234567]]", "Passport ID [[K1234567]]", "passport number [[e12345678]]",
        "护照号[[E12345678]]", "护照：[[G12345678]]", "passport_number: [[L8988901C]]", "passport (no. [[P1234567]])",
        "passport no [[PA 1234567]]", "holder of passport [[N9876543]]", "US passport number: [[546879213]]", "Passnummer [[C01X00T47]]",
        "passport bearing number [[Z1234567]]",
    ),
    ("driving_licence", "en"): (
        "driver's license [[D1234567]]", "driver’s license number [[Y820-9283-4432]]", "driving licence no. [[MORGA657054SM9IJ]]",
        "driver license number: [[S530-460-61-123-0]]", "license number [[D245-938-19-203]]",
        "driver's license number is [[S123 4567 8901]]", "drivers license # [[F255-921-50-094-0]]", "driver's licence [[TX-12345678]]",
        "DL number [[A1234567]]", "DL# [[A1234567]]", "driver's license: [[CA_DL_98765432]]", "driver's license number [[123-456789]]",
        "driver's license number is [[12ABC34567]]", "Führerschein Nr. [[B072RRE2I55]]", "driver's license (CA) [[D1234567]]",
        "driver's license ID [[H12345678]]", "license no. [[12345678]]",
        "driver’s license [[Q3948-20394-10293]] was", "permis de conduire [[123456789012]]",
        "驾驶证号：[[110105194912310023]]", "driver's license number, [[N84738291]],", "My driver's license number is [[a56319335]]",
        "driver's license was [[U62928788557186]]",
    ),
    ("us_ein", "en"): (
        "EIN [[12-3456789]]", "EIN: [[123456789]]", "employer identification number [[94-2841935]]", "Tax ID [[94-2841935]]",
        "federal tax id: [[94-2841935]]", "FEIN [[94-2841935]]", "IRS documents listed the Tax ID [[94-2841935]] under",
    ),
    ("voter_id", "en"): (
        "voter id [[ABC1234567]]", "Voter ID card number: [[XYZ9876543]]", "EPIC no. [[ABC1234567]]",
        "voter registration number [[123456789]]",
    ),
    ("us_itin", "en"): (
        "ITIN [[912-70-1234]]", "[[912-70-1234]]", "ITIN [[912 70 1234]]", "itin: [[912701234]]",
    ),
    ("uk_nino", "en"): (
        "[[AB 12 34 56 C]]", "NI number [[AB123456C]]", "National Insurance [[ab123456c]]", "NINO [[AB-12-34-56-C]]",
    ),
    ("uk_nhs", "en"): (
        "NHS number [[943 476 5919]]", "NHS no. [[9434765919]]", "NHS: [[943-476-5919]]",
    ),
    ("in_aadhaar", "en"): (
        "Aadhaar [[2341 2341 2346]]", "aadhar number [[234123412346]]", "UIDAI [[2341-2341-2346]]", "Aadhaar card no: [[2341 2341 2346]]",
    ),
    ("in_pan", "en"): (
        "PAN [[ABCPE1234F]]", "PAN card number: [[ABCPE1234F]]", "permanent account number [[abcpe1234f]]", "PAN number '[[ABCPE1234F]]'",
    ),
    ("br_cpf", "pt"): (
        "CPF [[111.444.777-35]]", "[[111.444.777-35]]", "cpf: [[11144477735]]", "CPF [[111444777-35]]", "CPF [[111 444 777 35]]",
    ),
    ("br_cnpj", "pt"): (
        "[[11.222.333/0001-81]]", "CNPJ [[11222333000181]]",
    ),
    ("es_dni", "es"): (
        "DNI [[12345678Z]]", "DNI: [[12345678-Z]]", "DNI [[12.345.678-Z]]", "NIE [[X1234567L]]", "NIE [[X-1234567-L]]",
        "dni [[12345678z]]",
    ),
    ("fr_nir", "fr"): (
        "[[2 95 10 99 126 111 93]]", "n° sécu [[295109912611193]]", "NIR: [[2 95 10 99 126 111 93]]",
    ),
    ("it_fiscal_code", "it"): (
        "[[RSSMRA85T10A562S]]", "codice fiscale: [[rssmra85t10a562s]]",
    ),
    ("nl_bsn", "nl"): (
        "BSN [[111222333]]", "BSN: [[1112.22.333]]", "burgerservicenummer [[111 222 333]]",
    ),
    ("de_tax_id", "de"): (
        "Steuer-ID [[36 574 261 809]]", "Steueridentifikationsnummer: [[36574261809]]", "IdNr. [[36574261809]]",
    ),
    ("kr_rrn", "ko"): (
        "[[971013-9019902]]", "주민등록번호 [[9710139019902]]",
    ),
    ("jp_my_number", "ja"): (
        "マイナンバー[[123456789018]]", "個人番号：[[1234 5678 9018]]",
    ),
    ("sg_nric", "en"): (
        "NRIC [[S1234567D]]", "nric: [[s1234567d]]", "FIN [[G1234567X]]",
    ),
    ("imei", "en"): (
        "IMEI [[490154203237518]]", "IMEI: [[49-015420-323751-8]]", "imei [[49 015420 323751 8]]",
    ),
    ("crypto_address", "en"): (
        "[[1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa]]", "[[bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq]]",
        "[[3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy]]", "ETH [[0x52908400098527886E0F7030069857D2E4169EE7]]",
        "wallet [[0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed]]", "bitcoin:[[1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa]]?amount=1",
    ),
    ("secret", "en"): (
        "[[AKIAIOSFODNN7ABCDEFG]]", "[[ghp_aaaB1c2D3e4F5g6H7i8J9k0L1m2N3o4P5q6R]]", "aws_access_key_id=[[AKIAIOSFODNN7ABCDEFG]]",
    ),
}  # fmt: skip
CASES = [
    pytest.param(kind, lang, text, id=f"{kind}-{lang}-{number}")
    for (kind, lang), texts in WRITTEN.items()
    for number, text in enumerate(texts)
]


@pytest.mark.parametrize(("kind", "lang", "text"), CASES)
def test_a_value_goes_whole_however_it_is_written(kind: str, lang: str, text: str) -> None:
    plain = text.replace("[[", "").replace("]]", "")
    assert scrubbed(plain, lang=lang) == re.sub(r"\[\[.*?\]\]", f"<{kind.upper()}>", text)


@pytest.mark.parametrize(
    "text",
    [
        "passport 2019-2020 stamps",
        "driver's license: 2019-05-06",
        "license number and 12345678",
        "account number of 2019-05-06",
        "a passport is needed from 12345678 people",
        "12-3456789 without a word",
        "EIN 00-0000000",
        "contract 0x52908400098527886E0F7030069857D2E4169EE7",
        "wallet 0x0000000000000000000000000000000000000001",
        "checksum 3C22FB4A9DE1",
        "734 000 000 km",
        "1914 - 1918",
        "1234567 / 7654321",
        "GB83-WEST-1234-5698-7654-32",
        "epic #12345678",
        "１２３４５６７８",
        "（0755）是区号",
        "NIE X-1234567-M",
        "4012.8888.8888.1882",
    ],
)
def test_what_only_looks_like_a_value_stays(text: str) -> None:
    assert scrubbed(text, lang="en") == text
