from django.urls import path

from apps.tools import activity, batches, many, preset_views, views

app_name = "tools"
urlpatterns = [
    path("start", views.start, name="start"),
    path("home/tools/all", views.all_tools, name="all"),
    path("home/tools/<slug:slug>", views.tool_page, name="tool"),
    path("home/tools/<slug:slug>/quote", views.tool_quote, name="quote"),
    path("home/tools/<slug:slug>/preset", views.tool_preset, name="tool_preset"),
    path("home/presets", preset_views.mine, name="presets"),
    path("home/presets/<uuid:pk>", preset_views.one, name="preset"),
    path("home/presets/<uuid:pk>/picture", preset_views.picture, name="preset_picture"),
    path("home/presets/<uuid:pk>/<slug:verb>", preset_views.act, name="preset_act"),
    path("home/activity", activity.activity, name="activity"),
    path("home/activity/seen", activity.seen, name="activity_seen"),
    path("home/batches/<uuid:pk>", batches.batch, name="batch"),
    path("home/batches/<uuid:pk>/keep", batches.keep, name="keep_of_batch"),
    path("home/jobs/<uuid:pk>/again", views.again, name="again"),
    path("home/jobs/delete", many.delete, name="delete_many"),
    path("home/jobs/restore", many.restore, name="restore_many"),
    path("home/jobs/<uuid:pk>/cancel", views.cancel, name="cancel"),
    path("home/jobs/<uuid:pk>/cancel-all", views.cancel_group, name="cancel_group"),
    path("home/jobs/<uuid:pk>/stop", views.stop, name="stop"),
    path("home/jobs/<uuid:pk>/title", views.rename, name="rename"),
    path("home/jobs/<uuid:pk>/delete", views.delete, name="delete"),
    path("home/jobs/<uuid:pk>/restore", views.restore, name="restore"),
]
