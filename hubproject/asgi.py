"""What Daphne, or any ASGI server, runs: pages over HTTP and the hub over WebSockets."""

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hubproject.settings")
django_application = get_asgi_application()

# The consumers import models, which exist only once Django is set up.
from realtime.routing import websocket_application  # noqa: E402

application = ProtocolTypeRouter({"http": django_application, "websocket": websocket_application})
