"""Where scripts for the original client find `PBTCheckpoint`, the record of a save."""

from pbt.client.original import PBTCheckpoint as PBTCheckpoint
