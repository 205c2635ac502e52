"""What Zenodo and other InvenioRDM sites call relations, kinds of resource, licences, languages.

A site may have a smaller or a larger vocabulary than the shipped one; what it does not know it
refuses with its value ("Invalid value X."), and that value is left out then.
"""

import re
from collections.abc import Mapping

ALTERNATE = "isAlternateIdentifier"
OLDER_RELATIONS: Mapping[str, str] = {
    name.lower(): name
    for name in (
        "isCitedBy", "cites", "isSupplementTo", "isSupplementedBy", "isContinuedBy", "continues",
        "isDescribedBy", "describes", "hasMetadata", "isMetadataFor", "isNewVersionOf",
        "isPreviousVersionOf", "isPartOf", "hasPart", "isReferencedBy", "references",
        "isDocumentedBy", "documents", "isCompiledBy", "compiles", "isVariantFormOf",
        "isOriginalFormOf", "isIdenticalTo", ALTERNATE, "isReviewedBy", "reviews",
        "isDerivedFrom", "isSourceOf", "requires", "isRequiredBy", "isObsoletedBy", "obsoletes",
    )
}  # fmt: skip
"""Those of the older API (developers.zenodo.org, "Deposit metadata") by names in lower case."""

RELATIONS: Mapping[str, str] = {**OLDER_RELATIONS} | {
    name.lower(): name
    for name in (
        "isVersionOf", "hasVersion", "isPublishedIn", "isCollectedBy", "collects",
        "isTranslationOf", "hasTranslation",
    )
}  # fmt: skip
"""Those that InvenioRDM ships (relation_types.yaml of invenio-rdm-records)."""

_TYPES: Mapping[str, tuple[str, ...]] = {
    "dataset": ("dataset",),
    "software": ("software",),
    "image": ("image",),
    "audiovisual": ("video",),
    "sound": ("audio", "video"),
    "text": ("publication",),
    "journal": ("publication-journal", "publication"),
    "journalarticle": ("publication-article",),
    "report": ("publication-report",),
    "book": ("publication-book",),
    "bookchapter": ("publication-section",),
    "conferencepaper": ("publication-conferencepaper",),
    "conferenceproceeding": ("publication-conferenceproceeding", "publication-conferencepaper"),
    "dissertation": ("publication-dissertation", "publication-thesis"),
    "peerreview": ("publication-peerreview", "publication"),
    "preprint": ("publication-preprint",),
    "standard": ("publication-standard", "publication"),
    "studyregistration": ("publication-studyregistration", "publication"),
    "datapaper": ("publication-datapaper",),
    "outputmanagementplan": ("publication-datamanagementplan",),
    "computationalnotebook": ("software-computationalnotebook", "software"),
    "event": ("event",),
    "instrument": ("instrument",),
    "project": ("project",),
    "physicalobject": ("physicalobject",),
    "workflow": ("workflow",),
    "model": ("model",),
    "other": ("other",),
}
"""DataCite's resourceTypeGeneral -> ids by preference. InvenioRDM ships `publication-dissertation`,
Zenodo has `publication-thesis`."""

OLDER_TYPES: Mapping[str, str] = {
    "audiovisual": "video", "sound": "video", "dissertation": "publication-thesis",
    "journal": "publication", "conferenceproceeding": "publication-conferencepaper",
    "peerreview": "publication", "standard": "publication", "studyregistration": "publication",
    "computationalnotebook": "software", "event": "other", "instrument": "other",
    "project": "other",
}  # fmt: skip
"""Where the older API has another word."""

OLDER_LICENSES = frozenset({
    "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-sa-4.0",
    "cc-by-nc-nd-4.0", "cc0-1.0", "mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause",
    "gpl-3.0-only", "gpl-3.0-or-later", "gpl-2.0-only", "gpl-2.0-or-later", "lgpl-3.0-only",
    "lgpl-3.0-or-later", "agpl-3.0-only", "agpl-3.0-or-later", "mpl-2.0", "odbl-1.0",
    "pddl-1.0", "odc-by-1.0", "eupl-1.2",
})  # fmt: skip
"""Ids that are safe with the older API, which answers 500 to one that it does not know."""

_CC = re.compile(
    r"https?://creativecommons\.org/(?:licenses/([a-z-]+)/([0-9.]+)|publicdomain/zero)\S*"
)
_PAGE = re.compile(r"https?://(?:www\.)?(?:spdx\.org|opensource\.org)/licenses?/([a-z0-9.+-]+?)")
_CC_NAME = re.compile(r"cc[ -](by(?:[ -](?:nc|nd|sa))*)[ -]([0-9]\.[0-9])")
_LICENSE_ID = re.compile(r"[a-z0-9][a-z0-9.+-]*")

_PAIRS = """
aa:aar ab:abk ae:ave af:afr ak:aka am:amh an:arg ar:ara as:asm av:ava ay:aym az:aze ba:bak be:bel
bg:bul bi:bis bm:bam bn:ben bo:bod br:bre bs:bos ca:cat ce:che ch:cha co:cos cr:cre cs:ces cu:chu
cv:chv cy:cym da:dan de:deu dv:div dz:dzo ee:ewe el:ell en:eng eo:epo es:spa et:est eu:eus fa:fas
ff:ful fi:fin fj:fij fo:fao fr:fra fy:fry ga:gle gd:gla gl:glg gn:grn gu:guj gv:glv ha:hau he:heb
hi:hin ho:hmo hr:hrv ht:hat hu:hun hy:hye hz:her ia:ina id:ind ie:ile ig:ibo ii:iii ik:ipk io:ido
is:isl it:ita iu:iku ja:jpn jv:jav ka:kat kg:kon ki:kik kj:kua kk:kaz kl:kal km:khm kn:kan ko:kor
kr:kau ks:kas ku:kur kv:kom kw:cor ky:kir la:lat lb:ltz lg:lug li:lim ln:lin lo:lao lt:lit lu:lub
lv:lav mg:mlg mh:mah mi:mri mk:mkd ml:mal mn:mon mr:mar ms:msa mt:mlt my:mya na:nau nb:nob nd:nde
ne:nep ng:ndo nl:nld nn:nno no:nor nr:nbl nv:nav ny:nya oc:oci oj:oji om:orm or:ori os:oss pa:pan
pi:pli pl:pol ps:pus pt:por qu:que rm:roh rn:run ro:ron ru:rus rw:kin sa:san sc:srd sd:snd se:sme
sg:sag si:sin sk:slk sl:slv sm:smo sn:sna so:som sq:sqi sr:srp ss:ssw st:sot su:sun sv:swe sw:swa
ta:tam te:tel tg:tgk th:tha ti:tir tk:tuk tl:tgl tn:tsn to:ton tr:tur ts:tso tt:tat tw:twi ty:tah
ug:uig uk:ukr ur:urd uz:uzb ve:ven vi:vie vo:vol wa:wln wo:wol xh:xho yi:yid yo:yor za:zha zh:zho
zu:zul
"""
_LANGUAGES: Mapping[str, str] = {pair[:2]: pair[3:] for pair in _PAIRS.split()}
"""ISO 639-1 -> ISO 639-3, the ids of languages at InvenioRDM."""

_LANGUAGE_TAG = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9-]+)?")


def resource_types(text: object) -> tuple[str, ...]:
    """Ids for a DataCite resourceTypeGeneral, the likeliest first; none where it is unknown."""
    return _TYPES.get(str(text or "").lower(), ())


def license_id(text: object) -> str | None:
    """The id under which a licence would be known, from an SPDX id, a page or a usual name.

    None for text that can be no id.
    """
    if not isinstance(text, str):
        return None
    text = text.strip().lower()
    if found := _CC.fullmatch(text):
        return f"cc-{found[1]}-{found[2].rstrip('.')}" if found[1] else "cc0-1.0"
    if found := _PAGE.fullmatch(text.removesuffix("/").removesuffix(".html")):
        return found[1].removesuffix("-license")
    if found := _CC_NAME.fullmatch(text):
        return f"cc-{found[1].replace(' ', '-')}-{found[2]}"
    return text if _LICENSE_ID.fullmatch(text) else None


def language_id(text: object) -> str | None:
    """The ISO 639-3 code for a language tag (RFC 5646) or a code; None for other text."""
    found = _LANGUAGE_TAG.fullmatch(text.strip().lower()) if isinstance(text, str) else None
    if found is None:
        return None
    return found[1] if len(found[1]) == 3 else _LANGUAGES.get(found[1])
