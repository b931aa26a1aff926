from django.urls import path

from apps.billing import paying, views

app_name = "billing"
urlpatterns = [
    path("pricing", paying.pricing, name="pricing"),
    path("home/billing", paying.billing, name="billing"),
    path("home/billing/checkout", paying.checkout, name="checkout"),
    path("home/billing/checkout/<uuid:pk>", paying.paid, name="paid"),
    path("home/billing/change/<slug:slug>", paying.change, name="change"),
    path("home/billing/portal", paying.portal, name="portal"),
    path("stripe/webhook", paying.webhook, name="webhook"),
    path("home/credits", views.credits, name="credits"),
    path("home/credits/<path:reference>", views.receipt, name="receipt"),
]
