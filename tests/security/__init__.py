"""What the server must withstand, and what it must never do."""

READ = "a-key-that-only-reads"
RAW = {"lease": 1, "seq": 1, "decided": 1, "step": 1, "score": 1.0}
