"""The worker's half: join, turns, a member, its reports and its checkpoints."""
