"""The pages as a reader sees them: in Chromium, driven by Selenium, where both are installed
(Debian: `apt install chromium chromium-driver`)."""

import importlib
import json
import os
import shutil
from pathlib import Path

import pytest
from _pages import a_run

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
DRIVER = shutil.which("chromedriver")

webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no Chromium with its chromedriver on PATH"
)

QUIET = (
    *("--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--no-default-browser-check",
    ),
)
LONG = "<img src=http://127.0.0.1:9/x onerror=alert(1)></script><script>alert(1)</script>" * 3


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(word)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # which root cannot have
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.get("about:blank")
    yield driver
    driver.quit()


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    return importlib.import_module


@pytest.fixture
def pages(module, tmp_path):
    """Every kind of page by its name, of runs whose text would like to be more than text."""
    samples = [(1, "子曰", "不" * 300), (4, LONG, LONG)]
    claims = ["perplexity 1.026…1.5 @40 on analects"]
    seen = [400.0 / n + 1 for n in range(1, 161)]
    a_run(tmp_path / "a", seen, [2 * p for p in seen], samples, claims=claims, parameters=10**9)
    a_run(tmp_path / LONG.replace("/", "∕")[:200], seen[:9], name=LONG, device=LONG, git=LONG)
    runs = [module("looking.runs").read(path) for path in sorted(tmp_path.iterdir())]
    curves = {("gru-concise", "analects"): {0: [2.0] * 39 + [1.1], 1: [2.0] * 39 + [1.6]}}
    rows = module("results").rows(curves, tmp_path)
    written = {
        "report": module("report").page_of(tmp_path / "a"),
        "hostile": module("looking.run_page").html(runs[0] if runs[1].label == "a" else runs[1]),
        "compare": module("looking.compare_page").html(runs, [run.label for run in runs]),
        "results": module("results_page").html(rows, curves, []),
    }
    (tmp_path / "pages").mkdir()
    for name, content in written.items():
        (tmp_path / "pages" / f"{name}.html").write_text(content, encoding="utf-8")
    return {name: (tmp_path / "pages" / f"{name}.html").as_uri() for name in written}


def opened(browser, url):
    """Opens the page and returns what it asked of others, and what it complained of."""
    browser.get_log("performance"), browser.get_log("browser")
    browser.get(url)
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    # What Chromium's own first page asks comes late on a busy machine: it is of another document.
    asked = [each["request"]["url"] for each in sent if each["documentURL"] == url]
    others = [other for other in asked if other != url and not other.startswith("data:")]
    return others, [entry["message"] for entry in browser.get_log("browser")]


def looked_at(browser, width, scheme="light"):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


KINDS = ("report", "hostile", "compare", "results")


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_asks_nobody_and_has_no_error(browser, pages, kind):
    assert opened(browser, pages[kind]) == ([], [])


def test_what_a_page_would_ask_is_seen_and_forbidden(browser, pages, tmp_path):
    """The measure of the test above: a picture from elsewhere is told, and so is an error."""
    page = tmp_path / "pages" / "report.html"
    more = '<img src="http://127.0.0.1:9/x"><script>nothing.of_this_name()</script>'
    page.write_text(page.read_text("utf-8").replace("</main>", f"{more}</main>"), encoding="utf-8")
    _, told = opened(browser, page.as_uri())
    assert any("Content Security Policy" in line for line in told)
    assert any("nothing is not defined" in line for line in told)
    page.write_text('<img src="http://127.0.0.1:9/x">', encoding="utf-8")  # nothing forbids it
    assert opened(browser, page.as_uri())[0] == ["http://127.0.0.1:9/x"]


CURVES = """return [...document.querySelectorAll('path.line')].map(path => {
  const box = path.getBoundingClientRect(), plot = path.closest('.plot').getBoundingClientRect();
  return {length: path.getTotalLength(), colour: getComputedStyle(path).stroke,
    width: box.width / plot.width, inside: box.top > plot.top - 2 && box.bottom < plot.bottom + 2
      && box.left > plot.left - 2 && box.right < plot.right + 2, height: plot.height};});"""


@pytest.mark.parametrize("kind, count", [*zip(KINDS, (6, 5, 11, 2), strict=True)])
def test_the_curves_are_there(browser, pages, kind, count):
    looked_at(browser, 1280)
    opened(browser, pages[kind])
    curves = browser.execute_script(CURVES)
    assert len(curves) == count
    assert all(c["inside"] and c["length"] > 50 and c["height"] > 100 for c in curves)
    assert max(c["width"] for c in curves) > 0.97 and all(c["colour"] != "none" for c in curves)


WIDE = """return [...document.querySelectorAll('main *')].filter(element =>
  !element.closest('.scroll') && element.getClientRects().length
  && element.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.outerHTML)"""


SMALLEST = """return Math.min(...[...document.querySelectorAll('main *')].map(
  element => parseFloat(getComputedStyle(element).fontSize)))"""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "width", [380, *(pytest.param(w, marks=pytest.mark.slow) for w in (768, 1280))]
)
def test_a_page_is_as_wide_as_its_window(browser, pages, kind, width):
    looked_at(browser, width)
    opened(browser, pages[kind])
    browser.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script("return innerWidth") == width
    assert browser.execute_script(WIDE) == []
    assert browser.execute_script(SMALLEST) >= 11


def test_light_and_dark_are_the_readers_choice(browser, pages):
    papers = []
    for scheme in ("light", "dark"):
        looked_at(browser, 1280, scheme)
        opened(browser, pages["report"])
        colour = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        papers.append(sum(map(int, colour.strip("rgb()").split(","))))
    assert papers[0] > 700 and papers[1] < 100


@pytest.mark.parametrize("share, epoch, training", [(0.0, "1", "401"), (1.0, "160", "3.5")])
def test_the_legend_tells_what_is_under_the_pointer(browser, pages, share, epoch, training):
    looked_at(browser, 1280)
    opened(browser, pages["report"])
    over = browser.find_element("css selector", ".over")
    told = [e.text for e in browser.find_elements("css selector", ".one .legend b")]
    assert told == ["160", "3.5", "7"]
    chain = webdriver.ActionChains(browser)
    chain.move_to_element_with_offset(over, round((share - 0.5) * (over.size["width"] - 4)), 0)
    chain.perform()
    now = [e.text for e in browser.find_elements("css selector", ".one .legend b")]
    assert now[:2] == [epoch, training]
    dots = browser.find_elements("css selector", ".over b")
    line = browser.find_elements("css selector", ".over i")
    assert len(dots) == 2 and len(line) == 1
    chain.move_to_element_with_offset(over, 0, -over.size["height"]).perform()
    assert not browser.find_elements("css selector", ".over b")
    assert [e.text for e in browser.find_elements("css selector", ".one .legend b")] == told
