"""A page whose HTML comes in two parts: what the first part shows stays where it is."""

import http.server
import re
import threading

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.look]
NOTE_SHIFTS = """
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, sources } of list.getEntries())
      shifts.push([value, ...sources.map(({ node }) => node?.className || node?.nodeName)]);
  }).observe({ type: "layout-shift", buffered: true });
"""
WAITS = ".topbar__end, .hero__front, .modes, .ratios, .panel__foot, .stage__empty, .footer nav"


@pytest.fixture
def in_two_parts():
    """Serves a page up to a place in it, and the rest when it is told that the first part was drawn."""
    servers = []

    def serve(html, place):
        drawn = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                if self.path == "/page":
                    self.wfile.write(html[:place].encode())
                    self.wfile.flush()
                    drawn.wait(30)
                    self.wfile.write(html[place:].encode())

            def log_message(self, *values):
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/page", drawn

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("path", "last"),
    [
        ("/home/tools/to-video", r"topbar__search.*?</form>"),
        ("/home/tools/to-video", r"topbar__search.*?</form>.*?</a>"),
        ("/home/tools/to-video", r'(class="mode".*?){3}</label>'),
        ("/home/tools/to-video", r'(class="ratio".*?){3}</label>'),
        ("/home/tools/voiceover", r"quote__summary.*?</p>"),
        ("/home/tools/voiceover", r"empty__screen.*?>"),
        ("/", r"</h1>"),
        ("/", r'class="footer".*?</a>'),
    ],
)
def test_nothing_on_a_page_moves_when_the_rest_of_it_comes(open_page, site, in_two_parts, path, last):
    page = open_page("ivy@example.org", "/home/tools/to-video").context.new_page()
    html = page.context.request.get(f"{site.url}{path}").text()
    html = re.sub(r"<script.*?</script>", "", html.replace('"/static/', f'"{site.url}/static/'), flags=re.S)
    page.add_init_script(NOTE_SHIFTS)
    address, drawn = in_two_parts(html, re.search(last, html, re.S).end())
    page.goto(address, wait_until="commit")
    page.locator(".topbar__mark").wait_for()
    page.wait_for_timeout(500)  # it is drawn
    drawn.set()
    page.wait_for_load_state()
    page.wait_for_timeout(500)
    for part in page.locator(WAITS).all():
        expect(part).not_to_have_css("visibility", "hidden")
    assert page.evaluate("shifts") == []
