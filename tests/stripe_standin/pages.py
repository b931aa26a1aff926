"""Stripe's own pages, as far as a browser presses their buttons."""

import html

from werkzeug import Response

from tests.stripe_standin.money import Money
from tests.stripe_standin.objects import CARDS


class Pages(Money):
    """The page of a payment, the portal of a customer, and the page of an invoice."""

    def _page(self, request):
        kind, _, id = request.path.strip("/").partition("/")
        if kind == "pay":
            return self._pay_page(id, request)
        if kind == "portal":
            session = self.get("billing_portal.session", id)
            if request.method == "POST":
                with self.lock:
                    self.set_card(session["customer"], request.form["card"])
                    self.pay_open(session["customer"])
                return Response(status=303, headers={"Location": session["return_url"]})
            cards = "".join(f'<button name="card" value="{card}">Use the card “{card}”</button>' for card in CARDS)
            return page(f'<form method="post">{cards}</form><a href="{session["return_url"]}">Back</a>')
        return self._invoice_page(id, request)

    def _invoice_page(self, id, request):
        if request.method == "POST":
            return page("Paid.") if self.confirm(id) else page("Your card was declined.", 402)
        invoice = self.all["invoice"].get(id)
        if not invoice or invoice["status"] != "open":
            return page("An invoice")
        amount = f"{invoice['amount_due'] / 100:.2f} {invoice['currency'].upper()}"
        return page(f'<form method="post"><button>Confirm and pay {amount}</button></form>')

    def _pay_page(self, id, request):
        session = self.get("checkout.session", id)
        if request.method == "POST":
            if self.pay(id, card=request.form.get("card", "ok"), code=request.form.get("code", "")):
                return Response(status=303, headers={"Location": session["success_url"]})
            return page("Your card was declined.", 402)
        if session["status"] != "open":
            return page("This page has expired.", 410)
        amount = f"{session['amount_total'] / 100:.2f} {session['currency'].upper()}"
        fields = '<label>Promotion code <input name="code"></label><input type="hidden" name="card" value="ok">'
        back = f'<a href="{html.escape(session["cancel_url"])}">Back</a>'
        return page(f'<form method="post">{fields}<button>Pay {amount}</button></form>{back}')


def page(body, status=200):
    text = f'<!doctype html><html lang="en"><title>Stand-in</title><main>{body}</main></html>'
    return Response(text, status, mimetype="text/html")
