"""The words that were written now: without what is quoted below, the signature and the small print. FR and EN.

In: the text of an e-mail. Out: what its writer added. Never: nothing, where there was something to read.
"""

import re

_WROTE = re.compile(
    r"^\s*(?:(?:On|Le|El|Am)\b.{4,250}?(?:wrote|a écrit|a ecrit|schrieb)|.{0,120}\ba écrit le\b.{4,80})\s*:?\s*$",
    re.IGNORECASE,
)
_BEGINS = re.compile(r"^\s*(?:On|Le)\s+(?:\S+\s+){1,6}\S*\d", re.IGNORECASE)
_RULE = re.compile(
    r"^\s*[-_*=]{2,}\s*(?:original message|message d['’]origine|message original|message initial"
    r"|forwarded message|message transf[ée]r[ée])\s*[-_*=]*\s*$"
    r"|^\s*(?:begin forwarded message|d[ée]but du message (?:transf[ée]r[ée]|r[ée]exp[ée]di[ée]))\s*:?\s*$",
    re.IGNORECASE,
)
_FROM = re.compile(r"^\s*\*?(?:From|De|Exp[ée]diteur)\s?\*?\s?:\*?\s?\S", re.IGNORECASE)
_SENT = re.compile(
    r"^\s*\*?(?:Sent|Date|To|Subject|Envoy[ée](?: le)?|À|A|Objet|Destinataire)\s?\*?\s?:\*?", re.IGNORECASE
)
_LINE = re.compile(r"^\s*_{10,}\s*$|^\s*-{10,}\s*$")
_PHONE = re.compile(
    r"^\s*(?:Envoy[ée] (?:de(?:puis)?|avec|à partir d)\b|Provenance : Courrier|T[ée]l[ée]charger? Outlook"
    r"|Sent (?:from|with|via) (?:my|the|Mail|Outlook|Yahoo|Samsung|Proton)\b|(?:Get|Obtenez) Outlook)",
    re.IGNORECASE,
)
_PRINT = re.compile(
    r"^\s*\W*(?:this (?:e-?mail|message) (?:and any|is|may|contains)|ce (?:message|courriel|mail) (?:et|est|peut|contient)"
    r"|confidentialit[yé]|avertissement\s*:|disclaimer\s*:|please consider the environment"
    r"|pensez à l['’]environnement|avant d['’]imprimer)",
    re.IGNORECASE,
)
_BYE = re.compile(
    r"^\s*(?:bien |très |meilleures? |sincères? )?"
    r"(?:cordialement|cdlt|cdt|salutations|sincèrement|à vous lire|respectueusement|bien à vous|belle journée"
    r"|bonne (?:journée|soirée|réception)|(?:(?:best|kind|warm|many) )?(?:regards|wishes|thanks)|sincerely"
    r"|yours (?:sincerely|faithfully|truly)|cheers|best|je vous prie d['’]agréer.*|veuillez agréer.*)"
    r"(?: distinguées| sincères| à (?:tous|vous))?\s*[,.!]*\s*$",
    re.IGNORECASE,
)


def strip(text: str) -> str:
    """What the writer added; the whole, where nothing would be left."""
    lines = text.splitlines()
    added = "\n".join(_signed(_quoted(lines))).strip()
    if not re.search(r"\w", added):
        added = "\n".join(line for line in lines if not line.lstrip().startswith(">")).strip()
    return re.sub(r"\n{3,}", "\n\n", added or text.strip())


def _quoted(lines: list[str]) -> list[str]:
    """Leaves out what is quoted. Marked by `>`, it may stand between answers; unmarked, it goes on to the end."""
    kept: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.lstrip().startswith((">", "|>")):
            at += 1
            continue
        if (after := _introduced(lines, at)) is not None:
            follows = next((each for each in lines[after:] if each.strip()), ">")
            if not follows.lstrip().startswith(">"):
                break
            at = after
            continue
        kept.append(line)
        at += 1
    return kept


def _introduced(lines: list[str], at: int) -> int | None:
    """The place after the words that introduce a quotation, when they begin here: on one line, or folded over three."""
    line = lines[at]
    if _WROTE.match(line) or _RULE.match(line):
        return at + 1
    if _BEGINS.match(line):
        for more in (2, 3):
            if at + more <= len(lines) and _WROTE.match(" ".join(part.strip() for part in lines[at : at + more])):
                return at + more
    start = at + 1 if _LINE.match(line) and at + 1 < len(lines) else at
    if _FROM.match(lines[start]) and sum(bool(_SENT.match(each)) for each in lines[start + 1 : start + 7]) >= 2:
        return len(lines)
    return None


def _signed(lines: list[str]) -> list[str]:
    """Leaves out the signature and the small print; what is said after it as a PS is kept."""
    for at, line in enumerate(lines):
        said = any(re.search(r"\w{2}", each) for each in lines[:at])
        if line.rstrip() in {"--", "—"} or line == "-- " or _PRINT.match(line) or (_PHONE.match(line) and said):
            return lines[:at]
        if said and _BYE.match(line):
            rest = lines[at + 1 :]
            ps = next((n for n, each in enumerate(rest) if re.match(r"^\s*P\.?\s?-?S\.?\b", each)), None)
            return lines[:at] + (_signed(rest[ps:]) if ps is not None else [])
    return lines
