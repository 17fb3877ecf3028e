"""The search box of every page: one word that names a topic, a group, or a message."""

import re

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET

from brokers.catalog import access, selectors
from brokers.domain import limits

from . import page

SHOWN = 20
_MESSAGE_ID = re.compile(r"[0-9A-Fa-f]{32}\Z")


@page.page
@require_GET
def find(request: HttpRequest, instance: str) -> HttpResponse:
    """Goes straight to what the word can only mean, else shows what it may mean."""
    actor = page.actor(request)
    home = access.instance(actor, instance)
    text = request.GET.get("q", "").strip()[: limits.TOPIC_NAME_CHARS]
    if not text:
        return HttpResponseRedirect(reverse("instance", args=[home.name]))
    if _MESSAGE_ID.match(text):
        return HttpResponseRedirect(reverse("message", args=[home.name, text]))
    topics = selectors.topics(actor, home, search=text, limit=SHOWN).items
    groups = selectors.groups(actor, home, search=text, limit=SHOWN).items
    context = {"find_text": text, "topics": topics, "groups": groups}
    return page.render(request, "pages/find.html", context, instance=home)
