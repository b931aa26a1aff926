from daphne.management.commands.runserver import Command as DaphneCommand

from cinevivid.server import Server


class Command(DaphneCommand):
    server_cls = Server
