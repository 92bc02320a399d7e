"""The pages of one run and of several: what they hold, and that they hold nothing else."""

import html
import importlib
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from _pages import a_config, a_run, lines, parsed
from hypothesis import given
from hypothesis import strategies as st

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
LOOK = EXPERIMENTS / "looking"


@pytest.fixture
def load(monkeypatch):
    """load("name"): a module of experiments/."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    return importlib.import_module


@pytest.fixture
def page_of(load):
    """The parsed page of a run's folder."""
    return lambda folder: parsed(load("report").page_of(folder))


def tree(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def series_of(page, number=0):
    """What the curves of a chart tell the script."""
    data = [
        json.loads(text)
        for (tag, attributes), text in zip(page.elements, page.texts, strict=True)
        if tag == "script" and attributes.get("type") == "application/json"
    ]
    return data[number]


# The page of a run


def test_the_page_of_a_run_tells_its_numbers(load, page_of, tmp_path):
    folder = a_run(
        tmp_path / "run",
        validation=(410.0, 70.0, 12.0, 13.5),
        samples=[(2, "子曰", "不不不"), (4, "子曰", "學而\n時習之")],
        parameters=1_234_567,
    )
    page = page_of(folder)
    told = dict(zip(page.of_tag("dt"), page.of_tag("dd"), strict=False))
    assert told["Final perplexity"] == f"1.5{math.log2(1.5):.3f} bits per character"
    assert told["Best perplexity"] == "1.5at epoch 4"
    assert told["Best validation"] == f"12at epoch 3, {math.log2(12):.3f} bits per character"
    assert (told["Epochs"], told["Tokens seen"]) == ("4of 4", "35,840")
    assert (told["Time"], told["Parameters"]) == ("1 s35,842 tokens/s", "1,234,567")
    assert told["learning_rate"] == "0.01" and told["layer.cell.hidden_size"] == "256"
    assert told["versions.jax"] == "0.10.2" and told["command"] == "char_lm.py gru-concise"
    headings = page.rows("th")[0]
    assert headings[:4] == ["epoch", "tokens", "perplexity", "validation"]
    assert [row[:4] for row in page.rows("td")] == [
        ["1", "8,960", "400", "410"],
        ["2", "17,920", "60.5", "70"],
        ["3", "26,880", "8.25", "12"],
        ["4", "35,840", "1.5", "13.5"],
    ]
    assert [text for text in page.of_tag("p") if "子曰" in text] == [
        "子曰不不不",
        "子曰學而\n時習之",
    ]
    assert not page.of_class("notes")
    (commands,) = page.of_tag("pre")
    assert commands.splitlines() == [
        f"python experiments/char_lm.py --resume {folder}",
        f"python experiments/sample.py {folder}",
    ]


def test_what_goes_on_inside_is_told(page_of, tmp_path):
    folder = a_run(tmp_path / "run")
    told = {
        "epoch": 4,
        "steps": 3,
        "rows": 2,
        "reach": [0.5, 0.25, None],
        "leaves": {".h": [0.4, 0.2, 0.1]},
    }
    told |= {"gates": [{"mean": 0.5, "shut": 0.125, "open": 0}], "radii": {".w_h": [1.5, None]}}
    (folder / "insight.json").write_text(json.dumps(told))
    page = page_of(folder)
    assert ["1", "50%", "12.5%", "0%"] in page.rows("td")
    assert [".w_h", "1.5, nan"] in page.rows("td")
    assert series_of(page, 5)["series"] == [{"x": [1, 2, 3], "y": [0.5, 0.25, None]}]
    (folder / "insight.json").write_text(json.dumps(told | {"epoch": 3}))
    assert "What goes on inside" not in page_of(folder).of_tag("h2"), "of before it went on"
    (folder / "insight.json").write_text('{"reach": 3, "gates": {}, "radii": [], "leaves": 0}')
    assert "What goes on inside" not in page_of(folder).of_tag("h2")


def test_the_curves_are_where_their_values_are(page_of, tmp_path):
    """By NumPy: from left to right over the epochs, on a log scale from bottom to top."""
    seen = (400.0, 60.5, 8.25, 1.5)
    page = page_of(a_run(tmp_path / "run", seen, (410.0, 70.0, 12.0, 13.5)))
    assert page.of_tag("h3")[:5] == [
        *("Perplexity", "Gradient norm", "Clipped minibatches", "Learning rate"),
        "Tokens per second",
    ]
    data = series_of(page)
    assert data["log"] and data["x"] == [1, 4]
    assert data["series"][0] == {"x": [1, 2, 3, 4], "y": list(seen)}
    assert data["series"][1]["y"] == [410, 70, 12, 13.5]
    low, high = np.log(data["y"])
    assert low < np.log(1.5) and np.log(410) < high
    training, validation = page.of_class("line")[:2]
    assert (training[1]["class"], validation[1]["class"]) == ("line tone0", "line tone1")
    drawn = np.array(re.findall(r"[ML]([\d.]+) ([\d.]+)", training[1]["d"]), float)
    want = 1000 * (high - np.log(seen)) / (high - low)
    np.testing.assert_allclose(drawn, np.stack([1000 * np.arange(4) / 3, want], 1), atol=0.06)
    described = page.of_tag("desc")[0]
    assert described.startswith("training: 400 at epoch 1, 1.5 at 4, lowest 1.5 at 4. validation:")
    images = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(images) == 5 and all(image["role"] == "img" for image in images)


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "--></style><svg onload=alert(1)>",
    "\"' onmouseover='alert(1)",
    "]]><!--<script>",
    "&lt;b&gt; &amp;",
    "{{7*7}} ${7*7}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_run_holds_is_text_wherever_it_stands(load, page_of, tmp_path, text):
    plain = page_of(a_run(tmp_path / "plain", samples=[(1, "p", "t")], parameters=5))
    folder = a_run(
        tmp_path / "hostile" / text.replace("/", "∕"),
        samples=[(1, text, text)],
        parameters=5,
        name=text,
        claims=[text],
        device=text,
        versions={text: text},
        corpus={"name": text, "unit": text, "tokens": 3, "source": text},
    )
    page = page_of(folder)
    (folder / "metrics.jsonl").write_text("")
    for held in (page, page_of(folder)):
        kinds = {tag for tag, _ in held.elements}
        assert kinds <= {tag for tag, _ in plain.elements} | {"ul"}
        assert held.of_tag("h1") == [text] and f"{text}{text}" in held.of_tag("p")
        assert any(text in line for line in held.of_tag("li"))
        assert text in held.of_tag("dd") and f"versions.{text}" in held.of_tag("dt")
        assert page.of_tag("title")[0] == f"{text}: 1.5"
    assert len(page.of_tag("script")) == len(plain.of_tag("script")) == 6
    runs = [load("looking.runs").read(folder)] * 2
    compared = parsed(load("looking.compare_page").html(runs, [text, "b"]))
    assert compared.rows("td")[0][0] == text and "img" not in {t for t, _ in compared.elements}


def test_what_html_cannot_hold_is_replaced(load, page_of, tmp_path):
    samples = [(1, "a\x00b", "c\x1b[31m\ud800\r\x85d\te\u202ef")]
    folder = a_run(tmp_path / "run", samples=samples)
    content = load("report").page_of(folder)
    content.encode("utf-8")  # no surrogate is left
    assert "a�bc�[31m���d\te\u202ef" in parsed(content).of_tag("p")
    (item,) = (a for t, a in parsed(content).elements if t == "p" and a.get("dir"))
    assert item == {"dir": "auto"}, "what runs from right to left stays inside"


def test_what_is_foreign_ends_neither_an_attribute_nor_a_script(load):
    words, text = load("looking.words"), """<a b="c" d='e'>&</script><!--\u2028"""
    assert words.escape(text) == html.escape(text, quote=True)
    inside = words.script_json({text: [text, None, 1.5]})
    assert json.loads(inside) == {text: [text, None, 1.5]}
    assert not {*inside} & {*"<>&\u2028"}


def test_a_page_may_ask_nobody(page_of, tmp_path):
    page = page_of(a_run(tmp_path / "run"))
    (policy,) = (a["content"] for _, a in page.elements if a.get("http-equiv"))
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed.pop("default-src") == "'none'"
    assert allowed == {
        "style-src": "'unsafe-inline'",
        "script-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_what_is_not_finite_is_a_gap_and_is_told(page_of, tmp_path):
    page = page_of(a_run(tmp_path / "run", (9.0, None, 8.0, 7.0, None, 6.0, None)))
    path = page.of_class("line")[0][1]["d"]
    assert re.findall("[ML]", path) == ["M", "M", "L", "M"], "a point alone is a dot"
    assert series_of(page)["series"][0]["y"] == [9, None, 8, 7, None, 6, None]
    told = dict(zip(page.of_tag("dt"), page.of_tag("dd"), strict=False))
    assert told["Final perplexity"] == "not finite" and told["Best perplexity"] == "6at epoch 6"
    assert "The perplexity is not finite at epoch 2 and 2 more" in " ".join(page.of_tag("p"))
    assert [row[2] for row in page.rows("td")][1:3] == ["not finite", "8"]


def test_a_run_of_which_nothing_is_finite_has_no_curve(page_of, tmp_path):
    page = page_of(a_run(tmp_path / "run", (None, None)))
    assert "Perplexity" not in page.of_tag("h3")
    assert "not finite at epoch 1 and 1 more" in " ".join(page.of_tag("p"))


@pytest.mark.parametrize(
    "lost, said, charts",
    [
        (["config.json"], ["config.json is not there."], 5),
        (["config.json", "timings.jsonl", "samples.jsonl"], ["config.json is not there."], 4),
        (["timings.jsonl"], [], 4),
        (["samples.jsonl"], [], 5),
        (
            ["metrics.jsonl"],
            [
                *("metrics.jsonl is not there.", "No epoch is finished yet."),
                "The run stopped after 0 of 4 epochs.",
            ],
            0,
        ),
    ],
)
def test_a_page_tells_what_is_missing(page_of, tmp_path, lost, said, charts):
    folder = a_run(tmp_path / "run", samples=[(1, "a", "b")])
    for name in lost:
        (folder / name).unlink()
    page = page_of(folder)
    assert page.of_tag("p")[1 + ("config.json" not in lost) :][: len(said)] == said
    assert bool(page.of_class("notes")) == bool(said)
    assert page.of_tag("h1") == ["run" if "config.json" in lost else "gru-concise"]
    assert len(page.of_tag("svg")) == charts


def test_an_empty_run_says_so(page_of, tmp_path):
    page = page_of(a_run(tmp_path / "run", ()))
    assert "No epoch is finished yet." in page.of_tag("p") and not page.of_tag("svg")
    assert "The run stopped after 0 of 4 epochs." in page.of_tag("p")


TORN = [b'{"epoch": 5, "perp', b"{", b"\x00\x00\x00", b'{"epoch": 5, "tex\xe5', b"[" * 100_000]


@pytest.mark.parametrize("tail", TORN)
@pytest.mark.parametrize("name", ["metrics", "timings", "samples"])
def test_a_line_that_was_cut_short_is_left_out_and_told(page_of, tmp_path, name, tail):
    folder = a_run(tmp_path / "run", samples=[(1, "a", "b")])
    with open(folder / f"{name}.jsonl", "ab") as file:
        file.write(tail)
    page = page_of(folder)
    assert f"The last line of {name}.jsonl is cut short and is left out." in page.of_tag("p")
    assert len(page.rows("td")) == 4 and "ab" in page.of_tag("p")


@pytest.mark.parametrize(
    "name, line",
    [
        *(("metrics", bad) for bad in ("so", "3", "{}", '{"perplexity": "x"}', "[1]", "")),
        ("metrics", '{"epoch": "1", "perplexity": 2}'),
        ("metrics", '{"epoch": -1, "perplexity": 2}'),
        ("timings", '{"seconds": 3}'),
        ("samples", '{"epoch": 1, "prefix": 3, "text": "x"}'),
        ("samples", '{"epoch": 1, "prefix": "x"}'),
    ],
)
def test_a_damaged_line_is_left_out_and_told(page_of, tmp_path, name, line):
    folder = a_run(tmp_path / "run", samples=[(1, "a", "b")])
    content = (folder / f"{name}.jsonl").read_text()
    (folder / f"{name}.jsonl").write_text(f"{line}\n{content}{line}\n")
    page = page_of(folder)
    assert f"Line 1 (and 1 more) of {name}.jsonl is damaged and is left out." in page.of_tag("p")
    assert len(page.rows("td")) == 4


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b"3", b'{"a":' * 30 + b"1" + b"}" * 30]
)
def test_a_damaged_configuration_is_told(page_of, tmp_path, content):
    folder = a_run(tmp_path / "run")
    (folder / "config.json").write_bytes(content)
    page = page_of(folder)
    assert "config.json is damaged: what was trained is not known." in page.of_tag("p")
    assert page.of_tag("h1") == ["run"] and len(page.of_tag("svg")) == 5


ODD = [None, 3, [], "x", {}, {"a": None}, [{"a": [1]}], 10**400, -1, True, 1e308, 1e-320]


@pytest.mark.parametrize("odd", ODD, ids=map(repr, range(len(ODD))))
def test_a_configuration_may_hold_anything(page_of, tmp_path, odd):
    keys = [*a_config(), "parameters"]
    page_of(a_run(tmp_path / "all", **dict.fromkeys(keys, odd)))
    corpus = dict.fromkeys(("name", "tokens", "vocabulary", "unit", "unigram_perplexity"), odd)
    page_of(a_run(tmp_path / "inner", corpus=corpus, training={"epochs": odd}, parameters=odd))


@pytest.mark.parametrize(
    "odd", [0, -3.5, 1e308, -1e308, 1e-320, 10**400, 1e150, True, "x", None, []]
)
def test_metrics_may_hold_any_number(page_of, tmp_path, odd):
    folder, usual = a_run(tmp_path / "run"), {"epoch": 1, "perplexity": 2.0}
    keys = ("tokens", "validation_perplexity", "learning_rate", "gradient_norm", "clipped_fraction")
    records = [usual, usual | {"epoch": 2} | dict.fromkeys(keys, odd), usual | {"epoch": 3}]
    if isinstance(odd, int | float) and not isinstance(odd, bool):
        records.append({"epoch": 4, "perplexity": odd})
    lines(folder / "metrics.jsonl", records)
    lines(folder / "timings.jsonl", [{"epoch": 2, "seconds": odd, "tokens_per_second": odd}])
    page = page_of(folder)
    for path in page.of_class("line") + page.of_class("grid"):
        places = [float(p) for p in re.findall(r"-?[\d.]+(?:e[-+]?\d+)?", path[1]["d"])]
        assert all(-1 <= place <= 1001 for place in places)


def test_an_epoch_that_was_timed_twice_counts_as_the_last_says(page_of, tmp_path):
    folder = a_run(tmp_path / "run")
    with open(folder / "timings.jsonl", "a") as file:
        file.write('{"epoch": 4, "seconds": 100.0, "tokens_per_second": 5.0}\n')
        file.write('{"epoch": 5, "seconds": 7.0, "tokens_per_second": 9.0}\n')
    told = dict(zip((page := page_of(folder)).of_tag("dt"), page.of_tag("dd"), strict=False))
    assert told["Time"].startswith("1 min 41 s") and [*page.rows("td")[-1]][-1] == "5"


def test_a_run_of_before_is_read_too(page_of, tmp_path):
    """Its times stood among its metrics."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json").write_text('{"preset": "gru-concise", "epochs": 2, "claims": []}')
    record = {"perplexity": 3.0, "seconds": 0.5, "tokens_per_second": 100.0}
    lines(folder / "metrics.jsonl", [{"epoch": n, **record} for n in (1, 2)])
    page = page_of(folder)
    told = dict(zip(page.of_tag("dt"), page.of_tag("dd"), strict=False))
    assert page.of_tag("h1") == ["gru-concise"] and told["Time"] == "1 s100 tokens/s"


def test_a_long_run_is_a_small_page(load, page_of, tmp_path):
    """Under a megabyte, and nothing that stands out is lost."""
    random = np.random.default_rng(0)
    seen = (2 + random.random(10_000)).tolist()
    seen[7_777], seen[3_333], seen[5_000] = 90.0, 1.25, None
    said = [(n, "子", "曰" * 2000) for n in range(1, 10_001, 10)]
    folder = a_run(tmp_path / "run", seen, [2 * p if p else p for p in seen], said)
    content = load("report").page_of(folder)
    assert len(content.encode()) < 1_000_000
    page = parsed(content)
    training, validation = series_of(page)["series"]
    for series, times in ((training, 1), (validation, 2)):
        points = dict(zip(series["x"], series["y"], strict=True))
        assert points[7_778] == 90 * times and points[3_334] == 1.25 * times
        assert points[5_001] is None and {1, 10_000} <= {*points} and len(points) <= 700
    rows = page.rows("td")
    assert len(rows) < 260 and {"1", "3,334", "10,000"} <= {row[0] for row in rows}
    assert len(page.of_class("when")) == 12 and "12 of 1,000 epochs" in " ".join(page.of_tag("p"))


# Claims


@pytest.mark.parametrize(
    "final, word", [(1.2, "kept"), (1.6, "broken"), (None, "broken")], ids=["in", "out", "diverged"]
)
def test_a_claim_is_held_to_the_run(page_of, tmp_path, final, word):
    claims = ["perplexity 1.026…1.5 @40 on analects", "perplexity 1…1.05 @40 on lyrics"]
    page = page_of(a_run(tmp_path / "run", [9.0] * 39 + [final], claims=claims))
    assert [a["class"] for _, a in page.of_class("verdict")] == [f"verdict {word}", "verdict "]
    assert page.of_tag("li")[0].startswith(f"{word} expected {claims[0]}: ")
    assert page.of_tag("li")[1] == f"not judged {claims[1]}"


def test_a_claim_that_is_not_reached_or_not_known_is_not_judged(page_of, tmp_path):
    claims = ["perplexity 1.026…1.5 @40 on analects", "it is good"]
    page = page_of(a_run(tmp_path / "run", claims=claims))
    assert page.of_tag("li") == [f"not judged {claim}" for claim in claims]


# Charts


values = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("zero", [False, True])
def test_every_axis_holds_its_values_and_has_ticks(load, zero):
    axes, number = load("looking.axes"), load("looking.runs").number

    @given(st.lists(values.map(number).filter(math.isfinite), min_size=1, max_size=5))
    def holds(ys):
        axis = axes.upward(ys, zero)
        assert all(-1e-9 <= axis.place(y) <= 1 + 1e-9 for y in ys if y > 0 or not axis.log)
        assert 2 <= len(axis.ticks) <= 12
        assert all(a < b for a, b in zip(axis.ticks, axis.ticks[1:], strict=False))
        assert all(-1e-9 <= axis.place(tick) <= 1 + 1e-9 for tick in axis.ticks)

    holds()


@pytest.mark.parametrize(
    "ys, log, ticks",
    [
        ((1.0, 9.0), True, (1, 2, 5)),
        ((0.0, 11.0), False, (0, 2.5, 5, 7.5, 10)),
        ((1.0, 400.0), True, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        ((1e-6, 1e3), True, (1e-6, 1e-4, 1e-2, 1, 100)),
        ((1.0, 3.0), False, (1, 1.5, 2, 2.5, 3)),
        ((-1.0, 100.0), False, (0, 25, 50, 75, 100)),
        ((0.01, 0.01), False, (0.009, 0.0095, 0.01, 0.0105, 0.011)),
        ((), False, (0, 0.2, 0.4, 0.6, 0.8, 1)),
    ],
)
def test_ticks_are_round_numbers(load, ys, log, ticks):
    axis = load("looking.axes").upward(ys)
    assert axis.log is log and axis.ticks == ticks


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("limit", [6, 50, 700])
def test_thinning_keeps_what_stands_out(load, seed, limit):
    """The lowest and the highest of every stretch, both ends and every gap's stretch."""
    random = np.random.default_rng(seed)
    ys = random.standard_normal(5000).cumsum()
    ys[random.integers(0, 5000, 3)] = np.nan
    thinned = load("looking.thin").thin(range(5000), ys.tolist(), limit)
    kept_x = [x for x, _ in thinned]
    assert len(thinned) <= limit and kept_x == sorted(set(kept_x))
    assert kept_x[0] == 0 and kept_x[-1] == 4999
    inner, stretches = ys[1:-1], (limit - 2) // 3
    for part in np.split(inner, [len(inner) * n // stretches for n in range(1, stretches)]):
        assert {np.nanmin(part), np.nanmax(part)} <= {y for _, y in thinned}
    gaps = sum(math.isnan(y) for _, y in thinned)
    assert 1 <= gaps <= 3 and all(np.array_equal(ys[int(x)], y, equal_nan=True) for x, y in thinned)


def test_a_short_curve_is_whole(load):
    assert load("looking.thin").thin([1, 2, 3], [4.0, 5.0, 6.0], 6) == [(1, 4), (2, 5), (3, 6)]


def test_colours_can_be_read_on_their_paper():
    """WCAG's contrast: 4.5 for text, 3 for a curve, in both modes."""

    def luminance(colour):
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    def contrast(a, b):
        dark, light = sorted((luminance(a), luminance(b)))
        return (light + 0.05) / (dark + 0.05)

    blocks = re.findall(r":root \{(.*?)\}", (LOOK / "page.css").read_text(), re.S)
    assert len(blocks) == 2
    for block in blocks:
        colours = dict(re.findall(r"--(\w+): (#\w{6})", block))
        for name in ("ink", "quiet", "bad", "good", "tone0"):
            for paper in ("paper", "wash"):
                assert contrast(colours[name], colours[paper]) >= 4.5, (name, paper)
        for tone in range(8):
            assert contrast(colours[f"tone{tone}"], colours["paper"]) >= 3.5, tone


# Runs compared


@pytest.fixture
def compare(load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return load("compare")


def pair(folder):
    """Two runs, of which the second has other settings and stopped early."""
    training = a_config()["training"]
    a_run(folder / "a", validation=(410.0, 70.0, 12.0, 13.5), parameters=1000)
    changed = training | {"learning_rate": 0.5}
    a_run(folder / "b", (300.0, 2.0, 2.5), tokens=100, training=changed, git=None, started="later")
    return ["runs/a", "runs/b"]


def test_a_comparison_tells_what_came_out_and_what_differs(compare, tmp_path, capsys):
    runs = pair(tmp_path / "runs")
    before = tree(tmp_path)
    assert compare.main(compare.Arguments(tuple(runs))) == 0
    assert capsys.readouterr().out.splitlines() == [
        "run  parameters  tokens  epochs  final      best  validation best  tokens/s",
        "a         1,000  35,840       4    1.5  1.5 (@4)          12 (@3)    35,842",
        "b             –     300       3    2.5    2 (@2)                –    35,841",
        "",
        "what differs                  a     b",
        "training.learning_rate     0.01   0.5",
        "git                     34cb51e  null",
        "",
        "written: runs/compare.html",
    ]
    after = tree(tmp_path)
    content = after.pop(Path("runs/compare.html")).decode()
    assert after == before
    page = parsed(content)
    assert page.rows("td")[:2] == [
        ["a", "1,000", "35,840", "4", "1.5", "1.5 (@4)", "12 (@3)", "35,842"],
        ["b", "–", "300", "3", "2.5", "2 (@2)", "–", "35,841"],
    ]
    assert page.rows("td")[2:] == [
        ["training.learning_rate", "0.01", "0.5"],
        ["git", "34cb51e", "null"],
    ]
    assert page.of_tag("h3")[:3] == [
        *("Training perplexity by epoch", "Training perplexity by tokens seen"),
        "Validation perplexity",
    ]
    assert [s["y"] for s in series_of(page)["series"]] == [[400, 60.5, 8.25, 1.5], [300, 2, 2.5]]
    assert [s["x"] for s in series_of(page, 1)["series"]][1] == [100, 200, 300]


def test_runs_of_the_same_settings_differ_in_nothing(compare, tmp_path, capsys):
    for name in ("a", "b"):
        a_run(tmp_path / name / "run", command=[name], started=name)
    assert compare.main(compare.Arguments(("a/run", "b/run"), "out.html")) == 0
    out = capsys.readouterr().out
    assert "Their settings are the same." in out and "a/run" in out and "b/run" in out
    page = parsed((tmp_path / "out.html").read_text("utf-8"))
    assert "Training perplexity by tokens seen" not in page.of_tag("h3")


def test_a_comparison_may_be_written_again_but_over_nothing_else(compare, tmp_path):
    runs = tuple(pair(tmp_path / "runs"))
    for _ in range(2):
        assert compare.main(compare.Arguments(runs)) == 0
    Path("mine.html").write_text("mine")
    with pytest.raises(ValueError, match=r"mine.html is there and is no page of runs"):
        compare.main(compare.Arguments(runs, "mine.html"))
    assert Path("mine.html").read_text() == "mine"


def test_many_runs_are_one_small_page(load, tmp_path):
    runs = []
    for n in range(20):
        folder = a_run(tmp_path / f"run{n:02}", [2.0 + n + k % 7 for k in range(300)])
        runs.append(load("looking.runs").read(folder))
    content = load("looking.compare_page").html(runs, [run.label for run in runs])
    assert len(content.encode()) < 1_000_000
    kinds = set(re.findall(r'<path class="line ([\w ]+)"', content))
    assert len(kinds) == 16 and "tone0 dashed" in kinds


def test_a_table_for_a_terminal_counts_columns_as_it_shows_them(load):
    shown = load("looking.tables").text_table(["run", "n"], [["子曰", "1"], ["a\x1bb", "200"]])
    assert shown.splitlines() == ["run     n", "子曰    1", "a?b   200"]


# The commands


def started(load, name, words):
    """A command in this process, by the words of its command line."""
    module, cli = load(name), load("tyro").cli
    if name == "report":
        return cli(module.main, args=words)
    return module.main(cli(module.Arguments, args=words))


def ended(name, *arguments, cwd):
    words = [sys.executable, str(EXPERIMENTS / f"{name}.py"), *map(str, arguments)]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, encoding="utf-8")


def test_report_writes_its_page_and_nothing_else(load, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    a_run(tmp_path / "runs" / "mine", samples=[(1, "子", "曰")])
    before = tree(tmp_path)
    for _ in range(2):
        assert load("report").main("runs/mine") == 0
        assert capsys.readouterr().out == "written: runs/mine/report.html\n"
        after = tree(tmp_path)
        content = after.pop(Path("runs/mine/report.html")).decode()
        assert after == before and content == load("report").page_of("runs/mine")
        assert content == load("report").page_of(Path("runs/mine"))


BAD = {
    "report": [
        (["nowhere"], "nowhere is no folder of a run"),
        (["file"], "file is no folder of a run"),
        (["empty"], "empty holds no run: it has no config.json and no metrics.jsonl"),
        ([""], "a folder needs a name, got ''"),
        (["~nobody-of-this-name/x"], "nobody here has that home"),
    ],
    "compare": [
        ([], "name two runs or more to compare, got 0"),
        (["runs/a"], "name two runs or more to compare, got 1"),
        (["runs/a", "nowhere"], "nowhere is no folder of a run"),
        (["nowhere", "runs/a"], "nowhere is no folder of a run"),
        (["runs/a", "runs/b", "runs/../runs/a"], "runs/../runs/a is named twice"),
        (["runs/a", "empty"], "empty holds no run"),
        (["runs/a", ""], "a folder needs a name, got ''"),
        (["runs/a", "runs/b", "--output", "x.md"], "x.md must end in .html"),
        (["runs/a", "runs/b", "--output", "no/x.html"], "no is no folder"),
        (["runs/a", "runs/b", "--output", ""], "a folder needs a name, got ''"),
        (["runs/a", "runs/b", "--output", "mine.html"], "mine.html is there and is no page"),
        (["runs/a", "runs/b", "--output", "empty.html"], "empty.html is there and is no page"),
    ],
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Two runs, a file and two empty folders."""
    monkeypatch.chdir(tmp_path)
    pair(tmp_path / "runs")
    Path("file").write_text("mine")
    Path("mine.html").write_text("mine")
    for name in ("empty", "empty.html"):
        Path(name).mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "name, words, said", [(n, *case) for n, cases in BAD.items() for case in cases]
)
def test_what_cannot_be_looked_at_is_one_sentence(load, place, name, words, said):
    before = tree(place)
    with pytest.raises(ValueError) as error:
        started(load, name, words)
    assert said in str(error.value) and "\n" not in str(error.value)
    assert tree(place) == before


@pytest.mark.parametrize(
    "words", [("report", "nowhere"), ("compare", "runs/a"), ("reproduce", "--seeds", "0")]
)
def test_a_bad_word_is_status_two_and_nothing_is_written(place, words):
    before = tree(place)
    done = ended(*words, cwd=place)
    assert done.returncode == 2 and not done.stdout and tree(place) == before
    assert done.stderr.startswith(f"{words[0]}: ") and done.stderr.count("\n") == 1


def test_both_commands_end_well_as_a_user_starts_them(place):
    for words in (("report", "runs/a"), ("compare", "runs/a", "runs/b")):
        done = ended(*words, cwd=place)
        assert done.returncode == 0 and not done.stderr, done.stderr
        written = done.stdout.splitlines()[-1].removeprefix("written: ")
        parsed((place / written).read_text("utf-8"))
