"""The page in a real browser: it loads without errors or requests, shows its figures, sorts, and has a dark side."""

import json
import re
import shutil
import subprocess
from html import unescape
from itertools import pairwise

import made_up_results
import pytest
from PIL import Image

from gesture.report.page import report

pytestmark = pytest.mark.needs("chromium")

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--hide-scrollbars",
    "--virtual-time-budget=5000",
]  # fmt: skip

# Runs in the page after its own script and leaves what it saw in an attribute of the body.
PROBE = """
<script>
window.addEventListener("load", () => {
  const rows = () => [...document.querySelectorAll("#members tbody tr")];
  const column = (number) => rows().map((row) => row.cells[number].innerText.trim());
  const click = (number) => {
    const heading = document.querySelectorAll("#members thead th")[number];
    heading.querySelector("button").click();
    return [heading.getAttribute("aria-sort"), column(number)];
  };
  const named = (one) => !(one.textContent.trim() || one.getAttribute("aria-label") || one.getAttribute("alt"));
  const boxes = [...document.querySelectorAll("svg, img")].map((one) => one.getBoundingClientRect());
  document.body.dataset.seen = JSON.stringify({
    asGiven: column(0),
    byTest: click(1), byTestAgain: click(1), byName: click(0),
    pictures: document.images.length,
    unnamed: [...document.querySelectorAll("a, button, summary, [tabindex], [role=img], img")].filter(named).length,
    order: [...document.querySelectorAll("h1, h2, h3")].map((one) => Number(one.tagName[1])),
    unfocused: [...document.querySelectorAll("#members button")].filter((one) => {
      one.focus();
      return document.activeElement !== one;
    }).length,
    drawn: boxes.filter((box) => box.width > 100 && box.height > 50).length,
    broken: [...document.images].filter((one) => !one.naturalWidth).length,
    requests: performance.getEntriesByType("resource").map((one) => one.name).filter((one) => !/^data:/.test(one)),
    overflow: document.documentElement.scrollWidth - window.innerWidth,
  });
});
</script>
</body>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    arguments = made_up_results.make_results(tmp_path_factory.mktemp("results"))
    report(made_up_results.settings(), **arguments)
    return arguments["output"]


def chromium(page, profile, *flags):
    """Opens a page; returns what the browser printed and its log."""
    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    command = [binary, *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def opened(page, tmp_path_factory):
    """The document, what the probe saw, and the browser's log."""
    probed = page.with_name("probed.html")
    probed.write_text(page.read_text().replace("</body>", PROBE))
    document, log = chromium(probed, tmp_path_factory.mktemp("profile"), "--window-size=1200,900", "--dump-dom")
    seen = re.search(r'data-seen="([^"]*)"', document)
    assert seen, log
    return document, json.loads(unescape(seen[1])), log


def test_all_sections_arrive_in_the_document(opened):
    document, _, _ = opened
    for section in ("result", "members", "methods", "errors", "training", "time", "origin", "files"):
        assert f'<section id="{section}"' in document


def test_nothing_goes_wrong_in_the_console(opened):
    _, _, log = opened
    assert [line for line in log.splitlines() if "CONSOLE" in line] == []


def test_no_request_leaves_the_page(opened):
    document, seen, _ = opened
    assert seen["requests"] == []
    assert not re.search(r"""(src|href)=["'](https?:)?//""", document)


def test_every_figure_is_drawn(opened):
    document, seen, _ = opened
    assert seen["drawn"] == document.count("<figure") == 9 + 8
    assert seen["pictures"] == 8
    assert seen["broken"] == 0


def test_a_keyboard_reaches_the_headings_and_everything_has_a_name(opened):
    _, seen, _ = opened
    assert seen["unfocused"] == 0
    assert seen["unnamed"] == 0
    levels = seen["order"]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), "no level of heading is skipped"


def test_the_page_prints_on_white_paper(page, tmp_path):
    chromium(page, tmp_path / "profile", f"--print-to-pdf={tmp_path / 'page.pdf'}")
    assert (tmp_path / "page.pdf").read_bytes()[:5] == b"%PDF-"


def test_the_members_table_sorts_by_any_column(opened):
    _, seen, _ = opened
    direction, shown = seen["byTest"]
    numbers = [float(text.split()[0]) for text in shown]
    assert direction == "descending"
    assert numbers == sorted(numbers, reverse=True)
    assert seen["byTestAgain"][0] == "ascending"
    assert seen["byTestAgain"][1] == sorted(shown, key=lambda text: float(text.split()[0]))
    assert seen["byName"] == ["ascending", sorted(seen["asGiven"])]


def test_nothing_sticks_out_of_a_phones_screen(page, tmp_path):
    # Headless windows have a least width, so the phone is a frame of 360 px.
    probed = page.with_name("probed-phone.html")
    probed.write_text(page.read_text().replace("</body>", PROBE))
    frame = page.with_name("frame.html")
    frame.write_text(
        f'<body><iframe src="{probed.name}" width="360" height="800"></iframe><script>window.addEventListener("load", '
        "() => { document.body.dataset.seen = frames[0].document.body.dataset.seen; })</script></body>"
    )
    document, log = chromium(frame, tmp_path / "profile", "--allow-file-access-from-files", "--dump-dom")
    seen = re.search(r'<body data-seen="([^"]*)"', document)
    assert seen, log
    assert json.loads(unescape(seen[1]))["overflow"] <= 0


@pytest.mark.parametrize(("scheme", "setting", "dark"), [("light", 1, False), ("dark", 0, True)])
def test_the_page_follows_the_readers_light_or_dark(page, tmp_path, scheme, setting, dark):
    shot = tmp_path / f"{scheme}.png"
    flags = [f"--blink-settings=preferredColorScheme={setting}", f"--screenshot={shot}", "--window-size=900,1400"]
    chromium(page, tmp_path / "profile", *flags)
    image = Image.open(shot).convert("L")
    assert (image.getpixel((2, 2)) < 60) is dark
    darkest, lightest = image.getextrema()
    assert lightest - darkest > 150
