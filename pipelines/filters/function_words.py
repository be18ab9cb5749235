"""Confirms a text's language by how many of the language's commonest function words it contains.

A model's score says how well a text fits its training samples. For languages with few samples it is low for every text (Swahili scores
0.4, Slovenian 0.6), and a related language that the model does not know can score more. Function words separate them: of the twenty or so
below, ordinary text has ten or more, and text in a related language seldom five.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters.profiles import PROFILES
from pipelines.text.labels import code_of

LEAST_WORDS: Final = 9
"""Different function words that confirm a language. Of 1,100 texts in languages that lid.176 does not know, almost none has as many."""
SURE: Final = 0.7
"""From this score on, words are not counted."""

_WORDS: Final = {
    "en": "the of and to in a is that it for was on are as with be by at from this have or not but which you can",
    "af": "die en van in is het nie te dat vir om op met wat sy hy ek ons sal aan as 'n",
    "az": "və bir bu ki də ilə üçün olan da o isə olaraq kimi sonra daha hər öz",
    "be": "і у не на што з да як гэта ў а ён за ад але яго па або ці мае кожны",
    "cy": "yn y a i o ar yr ac mae wedi bod ei am gan ond un neu oedd hyn sydd eu",
    "eo": "la kaj de en estas al por ne kiu ke li el mi ĝi pri sed aŭ kiel sia estis",
    # Also as it was written before the spelling of 1968.
    "eu": "eta da ez du zen bat ere hau baina duen den dela edo bere behar hori haren nahi beste ditu dago oso bada hura nola zer nik ene "
    "gure dut dute dira naiz ni zuten egin orain ecen içan çuen beçala ceren cein cen hala haur hec eguin ezta baita baldin orduan",
    "ga": "an agus na a ar i go ag is le do bhí sé de tá leis nó atá gur sin as bhfuil",
    "gd": "an a na agus air tha do gu le bha e ann aig is ach gun am nan iad seo bho",
    "gl": "de a o que e do da en un unha para con non os as no dos na por se ao é",
    "ia": "le de e in que un es a pro non per con se o qui del al su ha iste esser",
    "is": "og að í á sem er var ekki um með til við en það hann af eða skal fyrir hafa frá",
    "la": "et in est non ad ut cum quod qui sed si de ex ab per sunt aut quae enim esse hoc nec atque",
    "lb": "de an den a vun ass dat mat fir déi der net och op am oder mam eng vum sech",
    "mk": "на и во да се од е за со што не ги го ќе како или секој има право",
    "oc": "de la e lo que los a en un una per dins del es las amb son se dels o sus ni pas",
    "so": "ee iyo oo ka ku waa in uu ay la waxaa si ah u soo laga kale ama leh dadka",
    "sq": "të e në dhe një për me që i se nga është u ka nuk si ose kjo tij duhet çdo",
    "sw": "ya na wa kwa ni katika za la cha kama hii au lakini huo yake hiyo hilo ambao ambayo baada pia watu kila kutoka wakati kuwa ili "
    "hiki hao wote bila si yao basi",
    "tl": "ang ng sa na mga at ay si ko ni niya hindi kung para siya ito o isang may kanyang",
}


@functools.cache
def words_of(label: str) -> frozenset[str]:
    """The function words of a label's language, else its profile's stop words; none for scripts without spaces."""
    code = code_of(label)
    if code in _WORDS:
        return frozenset(_WORDS[code].split())
    profile = PROFILES.get(code)
    return frozenset() if profile is None or profile.unspaced else profile.stop_words


def count_function_words(samples: pa.Array, langs: pa.Array, scores: pa.Array) -> pa.Array:
    """float64[n]: the number of different function words of its language in each sample; null from SURE on and where none are known."""
    found = np.full(len(samples), np.nan)
    labels = langs.to_pylist()
    unsure = [row for row in np.flatnonzero(scores.to_numpy() < SURE).tolist() if labels[row] and words_of(labels[row])]
    for row, text in zip(unsure, samples.take(pa.array(unsure, pa.int64())).to_pylist(), strict=True):
        found[row] = len(words_of(labels[row]).intersection(text.lower().split()))
    return pa.array(found, from_pandas=True)


def confirms(n_words: pa.Array) -> npt.NDArray[np.bool_]:
    """bool[n]: whether the counts confirm the language; null does not."""
    found: npt.NDArray[np.bool_] = n_words.to_numpy(zero_copy_only=False) >= LEAST_WORDS
    return found
