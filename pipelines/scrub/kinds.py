"""The table of private kinds, the most certain first: where two kinds claim the same text, the earlier one wins."""

from __future__ import annotations

from typing import Final

from pipelines.scrub import identity, labelled, national, network, personal, phones, secrets
from pipelines.scrub.kind import Kind

KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        secrets.PRIVATE_KEY,
        secrets.SECRET,
        network.URL_CREDENTIALS,
        network.EMAIL,
        network.OBFUSCATED_EMAIL,
        identity.IBAN_NUMBER,
        identity.CN_RESIDENT_ID,
        identity.PAYMENT_CARD,
        secrets.CRYPTO_ADDRESS,
        national.IT_FISCAL_CODE,
        national.BR_CPF,
        national.BR_CNPJ,
        national.KR_RRN,
        national.FR_NIR,
        national.US_ITIN,
        identity.US_SSN,
        national.US_EIN,
        national.UK_NINO,
        network.IPV6_ADDRESS,
        network.IPV4_ADDRESS,
        network.MAC_ADDRESS,
        phones.CN_MOBILE,
        national.IMEI,
        national.IN_AADHAAR,
        national.IN_PAN,
        national.UK_NHS,
        national.DE_TAX_ID,
        national.ES_DNI,
        national.NL_BSN,
        national.JP_MY_NUMBER,
        national.SG_NRIC,
        national.US_ROUTING,
        labelled.BANK_ACCOUNT,
        labelled.PASSPORT,
        labelled.DRIVING_LICENCE,
        labelled.VOTER_ID,
        personal.NUMBER_PLATE,
        personal.DATE_OF_BIRTH,
        phones.PHONE,
        network.GPS,
        network.USER,
        secrets.KEY_VALUE,
        personal.POSTAL_ADDRESS,
    )
}
"""By name."""


def kind_numbers() -> dict[str, int]:
    """The rank of each kind by name, as `PrivateSpans.kinds` has it: the smaller, the more certain."""
    return {name: number for number, name in enumerate(KINDS)}
