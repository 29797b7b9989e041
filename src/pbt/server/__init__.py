"""The server: populations over HTTP."""

from pbt.server.original import PBTServer as PBTServer
