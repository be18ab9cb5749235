"""Labels of language models: their language, by the code that profiles and recipes use, and their script.

Three schemes are in use: lid.176 has the codes of Wikipedias ("en", "zh", "als"), GlotLID and OpenLID an ISO 639-3 code and an
ISO 15924 script ("eng_Latn", "cmn_Hani", "zho_Hans"). A language has its ISO 639-1 code where there is one, and a
macrolanguage means the member that its name usually means: "arb_Arab" is "ar", "cmn_Hani" is "zh", "ary_Arab" stays "ary".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pipelines.text.scripts import script_bits

UNKNOWN: Final = "und"
"""ISO 639's code for an undetermined language."""

_PAIRS: Final = """
aar:aa abk:ab afr:af aka:ak amh:am ara:ar arb:ar arg:an asm:as ava:av ave:ae aym:ay ayr:ay aze:az azj:az bak:ba bam:bm bel:be ben:bn
bih:bh bis:bi bod:bo bos:bs bre:br bul:bg cat:ca ces:cs cha:ch che:ce chu:cu chv:cv cmn:zh cor:kw cos:co cre:cr cym:cy dan:da deu:de
div:dv dzo:dz ekk:et ell:el eng:en epo:eo est:et eus:eu ewe:ee fao:fo fas:fa fij:fj fil:tl fin:fi fra:fr fry:fy ful:ff gla:gd gle:ga
glg:gl glv:gv grn:gn gug:gn guj:gu hat:ht hau:ha hbs:sh heb:he her:hz hin:hi hmo:ho hrv:hr hun:hu hye:hy ibo:ig ido:io iii:ii iku:iu
ile:ie ina:ia ind:id ipk:ik isl:is ita:it jav:jv jpn:ja kal:kl kan:kn kas:ks kat:ka kau:kr kaz:kk khk:mn khm:km kik:ki kin:rw kir:ky
kmr:ku kom:kv kon:kg kor:ko kua:kj kur:ku lao:lo lat:la lav:lv lim:li lin:ln lit:lt ltz:lb lub:lu lug:lg lvs:lv mah:mh mal:ml mar:mr
mkd:mk mlg:mg mlt:mt mon:mn mri:mi msa:ms mya:my nau:na nav:nv nb:no nbl:nr nde:nd ndo:ng nep:ne nld:nl nno:nn nob:no nor:no npi:ne
nya:ny oci:oc oji:oj ori:or orm:om ory:or oss:os pan:pa pbt:ps pes:fa pli:pi plt:mg pol:pl por:pt pus:ps que:qu roh:rm ron:ro run:rn
rus:ru sag:sg san:sa sin:si slk:sk slv:sl sme:se smo:sm sna:sn snd:sd som:so sot:st spa:es sqi:sq srd:sc srp:sr ssw:ss sun:su swa:sw
swe:sv swh:sw tah:ty tam:ta tat:tt tel:te tgk:tg tgl:tl tha:th tir:ti ton:to tsn:tn tso:ts tuk:tk tur:tr twi:tw uig:ug ukr:uk urd:ur
uzb:uz uzn:uz ven:ve vie:vi vol:vo wln:wa wol:wo xho:xh ydd:yi yid:yi yor:yo zha:za zho:zh zsm:ms zul:zu
"""
_TO_ISO_639_1: Final = dict(pair.split(":") for pair in _PAIRS.split())

# Scripts of the languages of lid.176.
_WRITTEN_IN: Final = {
    "Latn": (
        "af als an ast bar bcl br bs ca cbk ce ceb co cs cy da de diq dsb en eml eo es et eu fi fr frr fy ga gd gl gn gv hif hr hsb ht hu "
        "ia id ie ilo io is it jbo jv kw la lb li lmo lt lv mg min ms mt mwl nah nap nds nl nn no oc pam pfl pl pms pt qu rm ro sc scn sco "
        "sh sk sl so sq su sv sw tl tr uz vec vep vi vls vo wa war yo az ku tk tt kk sr gom ba zu xh wo"
    ),
    "Cyrl": "av ba be bg bxr ce cv kk krc kv ky lez mhr mk mn mrj myv os ru rue sah sr tg tt tyv uk xal az uz tk ku bs sh ug",
    "Arab": "ar arz azb ckb fa lrc mzn pnb ps sd ug ur az kk ku ky pa tg ms",
    "Deva": "bh dty gom hi mai mr ne new sa sd bho",
    "Beng": "as bn bpy",
    "Hani": "zh yue wuu ja ko",
    "Kana": "ja",
    "Bopo": "zh",
    "Hang": "ko",
    "Grek": "el",
    "Armn": "hy",
    "Hebr": "he yi",
    "Thaa": "dv",
    "Ethi": "am ti",
    "Geor": "ka xmf",
    "Tibt": "bo dz",
    "Mong": "mn",
    "Guru": "pa",
    "Gujr": "gu",
    "Orya": "or",
    "Taml": "ta",
    "Telu": "te",
    "Knda": "kn",
    "Mlym": "ml",
    "Sinh": "si",
    "Thai": "th",
    "Laoo": "lo",
    "Khmr": "km",
    "Mymr": "my",
}


def split_label(label: str) -> tuple[str, str | None]:
    """(code, script) of a label: "zho_Hans" -> ("zh", "Hans"), "zh-TW" -> ("zh", None), "als" -> ("als", None)."""
    language, *tags = label.replace("-", "_").split("_")
    script = next((tag.title() for tag in tags if len(tag) == 4 and tag.isalpha()), None)
    if language == "als" and script:  # Tosk Albanian in ISO 639-3; the Wikipedia of that name is Alemannic
        return "sq", script
    return _TO_ISO_639_1.get(language, language), script


def code_of(label: str | None) -> str:
    """The code of a language's profile, from a model's label: "zho_Hans" -> "zh", "en" -> "en"."""
    return split_label(label)[0] if label else ""


def means(label: str | None, wanted: str) -> bool:
    """Whether a model's label means the language that a recipe names, and its script if both name one."""
    if label is None:
        return False
    (code, script), (wanted_code, wanted_script) = split_label(label), split_label(wanted)
    return label == wanted or (code == wanted_code and (None in (script, wanted_script) or script == wanted_script))


def kept_labels(labels: Iterable[str | None], wanted: Iterable[str]) -> list[str]:
    """The model's labels that mean a language of `wanted`, a recipe's list."""
    return [label for label in labels if label is not None and any(means(label, one) for one in wanted)]


def scripts_of(label: str) -> int:
    """The scripts of texts with this label, as `script_bits`; 0 if unknown."""
    code, script = split_label(label)
    if script:
        return script_bits(script)
    return script_bits(*(name for name, codes in _WRITTEN_IN.items() if code in codes.split()))
