"""Runs written by hand, as their format says, and pages read as a browser reads them."""

import json
import re
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input"}
FOREIGN = re.compile(r"@import|url\(\s*['\"]?\s*(?!data:)|https?:|//[a-z]", re.I)
CORPUS = {"name": "analects", "source": "shipped with jaxrnn", "sha1": "8537702a", "unit": "char"}
CORPUS |= {"recipe": "as it is", "cut": 10_000, "tokens": 10_000, "vocabulary": 1002}
CORPUS |= {"unigram_perplexity": 167.8}


def a_config(**changes):
    """What config.json tells of a run."""
    layer = {"class": "Unroll", "cell": {"class": "GRU", "hidden_size": 256}}
    config = {
        "name": "gru-concise",
        "model": {"class": "LanguageModel", "layer": layer, "vocab_size": 1002},
        "training": {"optimizer": "adam", "learning_rate": 0.01, "clip": 0.01, "epochs": 4},
        "corpus": CORPUS,
        "prefixes": ["子曰", "君子"],
        "claims": [],
        "dtype": "float32",
        "device": "cpu",
        "versions": {"jaxrnn": "0.1.0", "jax": "0.10.2"},
        "git": "34cb51e",
        "command": ["char_lm.py", "gru-concise"],
        "started": "2026-01-01T12:00:00+00:00",
    }
    return config | changes


def a_run(
    folder, perplexities=(400.0, 60.5, 8.25, 1.5), validation=(), samples=(), tokens=8960, **config
):
    """The folder of a run of these perplexities, None where one is not finite."""
    folder.mkdir(parents=True)
    written = json.dumps(a_config(**config), ensure_ascii=False)
    (folder / "config.json").write_text(written, encoding="utf-8")
    metrics, timings = [], []
    for n, perplexity in enumerate(perplexities):
        record = {"epoch": n + 1, "tokens": (n + 1) * tokens, "perplexity": perplexity}
        record |= {"validation_perplexity": validation[n]} if validation else {}
        record |= {"learning_rate": 0.01, "gradient_norm": 0.5 / (n + 1), "clipped_fraction": 0.25}
        metrics.append(record)
        timings.append({"epoch": n + 1, "seconds": 0.25, "tokens_per_second": 35840.0 + n})
    lines(folder / "metrics.jsonl", metrics)
    lines(folder / "timings.jsonl", timings)
    lines(
        folder / "samples.jsonl",
        [dict(zip(("epoch", "prefix", "text"), s, strict=True)) for s in samples],
    )
    return folder


def lines(path, records):
    content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.write_bytes(content.encode("utf-8", "surrogatepass"))


class Page(HTMLParser):
    """Every element of a page that is balanced, and asks nobody for anything."""

    def __init__(self):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.texts.append("")
        if tag not in VOID:
            self.open.append((tag, len(self.texts) - 1))

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.texts.append("")

    def handle_endtag(self, tag):
        opened, _ = self.open.pop()
        assert opened == tag, f"</{tag}> ends <{opened}>"

    def handle_data(self, data):
        for _, n in self.open:
            self.texts[n] += data

    def of_class(self, name):
        return [(t, a) for t, a in self.elements if name in (a.get("class") or "").split()]

    def of_tag(self, name):
        """The text of every element of that tag."""
        return [x for (t, _), x in zip(self.elements, self.texts, strict=True) if t == name]

    def rows(self, kind):
        """Of every row of a table, the cells of that kind (td, th)."""
        rows = []
        for (tag, _), text in zip(self.elements, self.texts, strict=True):
            if tag == "tr":
                rows.append([])
            elif tag == kind:
                rows[-1].append(text)
        return [row for row in rows if row]


def parsed(content):
    page = Page()
    page.feed(content)
    page.close()
    assert not page.open, f"{page.open} are not ended"
    for tag, attributes in page.elements:
        named = {"src", "href", "action", "srcset", "data", "poster", "xlink:href"} & {*attributes}
        assert all(attributes[name].startswith("data:") for name in named), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert not FOREIGN.search(attributes.get("style") or "")
    assert not any(FOREIGN.search(style) for style in page.of_tag("style"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    return page
