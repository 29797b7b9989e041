"""Both ends of HTTP that a script holds: the coordinator far away, and the original client."""

from pbt.client.original import PBTClient as PBTClient
