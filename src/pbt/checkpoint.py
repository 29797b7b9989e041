"""Where scripts for the original client find the name of what a save recorded."""

from pbt.client.original import PBTCheckpoint as PBTCheckpoint
