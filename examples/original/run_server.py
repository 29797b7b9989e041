"""Start the server that clients share; Ctrl-C ends it.

python run_server.py --port 5000 --key some-long-secret
"""

import argparse
import signal

from pbt.server import PBTServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=5000)
parser.add_argument("--key", default="", help="with one: listen on all interfaces; without: on this machine only")
parser.add_argument("--minimize", action="store_true")
parser.add_argument("--folder", default=None)
args = parser.parse_args()

server = PBTServer(args.port, args.key, maximize_metric=not args.minimize, folder=args.folder)
try:
    signal.sigwait([signal.SIGINT, signal.SIGTERM])
finally:
    server.shut_down()
