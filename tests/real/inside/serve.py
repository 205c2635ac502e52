"""Run inside InvenioRDM's own environment: its API on loopback, `serve.py PORT`."""

import sys

from cheroot import wsgi
from flask import Flask
from invenio_app.factory import create_api
from werkzeug.middleware.dispatcher import DispatcherMiddleware

if __name__ == "__main__":
    whole = DispatcherMiddleware(Flask("site"), {"/api": create_api()})
    wsgi.Server(("127.0.0.1", int(sys.argv[1])), whole, numthreads=12).start()
