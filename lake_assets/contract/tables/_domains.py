"""Value domains that several columns of this package share: accepted values and patterns of text.

What belongs here: a domain of more than one column, or a pattern too long to read where it is used. What does not: a
domain of a single column, which is stated with the column. All hold at every scale factor, because the data generator
draws them from fixed lists.
"""

from __future__ import annotations

UNKNOWN = ("Unknown",)
OPENING_HOURS = ("8AM-4PM", "8AM-12AM", "8AM-8AM")

# Addresses.
STREET_NUMBER = "[1-9][0-9]{0,3}"
SUITE_NUMBER = "Suite ([A-Y]|[0-9]{1,3})"
ZIP = "[0-9]{5}"
COUNTRIES = ("United States",)
STREET_TYPES = (
    *("Street", "ST", "Avenue", "Ave", "Boulevard", "Blvd", "Road", "RD", "Parkway", "Pkwy"),
    *("Way", "Wy", "Drive", "Dr.", "Circle", "Cir.", "Lane", "Ln", "Court", "Ct."),
)
STATES = (
    *("AK", "AL", "AR", "AZ", "CA", "CO", "CT", "DC", "DE", "FL", "GA", "HI", "IA", "ID", "IL", "IN", "KS"),
    *("KY", "LA", "MA", "MD", "ME", "MI", "MN", "MO", "MS", "MT", "NC", "ND", "NE", "NH", "NJ", "NM", "NV"),
    *("NY", "OH", "OK", "OR", "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VA", "VT", "WA", "WI", "WV", "WY"),
)

# Names of people.
NAME = "[A-Z][a-z]+"
FULL_NAME = f"{NAME} {NAME}"

# Invented names, each a row of syllables. Companies and divisions are numbered 1 to 6 and named by one syllable each.
SYLLABLES = ("bar", "ought", "able", "pri", "ese", "anti", "cally", "ation", "eing", "n st")
COMPANY_NAMES = ("ought", "able", "pri", "ese", "anti", "cally")
SYLLABLE_WORD = f"({'|'.join(SYLLABLES)})+"
BRAND = "(univ|amalg|importo|exporti|edu pack|scholar|corp|brand|nameless|maxi)+ #[0-9]{1,2}"
CALL_CENTER_NAME = (
    "(New England|NY Metro|Mid Atlantic|Southeastern|North Midwest|Central Midwest|South Midwest|Pacific Northwest"
    "|California|Southwest|Hawaii/Alaska|Other)(_[0-9]+)?"
)
