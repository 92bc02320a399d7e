"""What the tests of texts share."""

import pytest

from jaxrnn import text

SAMPLINGS = ("consecutive", "consecutive-offset", "random", "random-offset")
UNITS = ("char", "word", "byte")
# Line ends of all kinds, tabs, capitals, an emoji of several code points, CJK, a combining accent.
AWKWARD = "The Cat\r\nsat\ton  it.\n\n子曰：“学 而”\rA👩‍🚀 e\u0301té\x85 no\xa0break <unk>\n"


def corpus_of(raw, recipe="lyrics"):
    return text.Corpus("test", raw, sha1="", source="here", recipe=recipe)


def refusal(function, *args, **kwargs):
    with pytest.raises(text.TextError) as caught:
        function(*args, **kwargs)
    message = str(caught.value)
    assert message.endswith((".", "?")) and "\n" not in message
    return message
