"""Moving a group in a topic: a form, a table of what would happen, and then the move."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from brokers.catalog import access
from brokers.engine import offsets

from . import page, problems
from .forms import ResetForm


@page.page
@require_http_methods(["GET", "POST"])
def reset(request: HttpRequest, instance: str, group: str) -> HttpResponse:
    actor = page.actor(request)
    found = access.group(actor, instance, group, action="mq:ResetConsumerOffset")
    shows = access.filter_of(actor, instance, "mq:ResetConsumerOffset")
    read = offsets.progress([found.pk])[found.pk].topics
    names = [topic.topic for topic in read if shows is None or shows(topic.topic)]
    asked = request.POST.get("topic", "")
    if asked and asked not in names:
        access.topic(actor, instance, asked, action="mq:ResetConsumerOffset")  # who may not hears so, and why
    preview = None
    form = ResetForm(request.POST or None, topics=names)
    if request.method == "POST" and form.is_valid():
        is_applied = request.POST.get("step") == "apply"
        topic = access.topic(actor, instance, form.cleaned_data["topic"], action="mq:ResetConsumerOffset")
        try:
            preview = offsets.reset(
                actor, found, topic, to=form.cleaned_data["to"], value=form.target(), dry_run=not is_applied
            )
        except page.FORM_ERRORS as error:
            form.add_error(None, problems.sentence(error))
        else:
            if is_applied:
                messages.success(request, _("The group was moved in %(topic)s.") % {"topic": topic.name})
                return HttpResponseRedirect(reverse("group", args=[instance, group]))
    context = {"form": form, "group": found, "preview": preview}
    return page.render(request, "pages/group_reset.html", context, section="groups", instance=found.instance)
