"""Train one member of the population on a server.

python run_client.py --server 127.0.0.1 --port 5000 --key some-long-secret
"""

import argparse
from pathlib import Path

from train import Model

from pbt.client import PBTClient

here = Path(__file__).parent
parser = argparse.ArgumentParser()
parser.add_argument("--server", default="127.0.0.1")
parser.add_argument("--port", type=int, default=5000)
parser.add_argument("--key", default="")
parser.add_argument("--config", default=str(here / "hyperparameters.csv"))
parser.add_argument("--checkpoints", default="checkpoints", help="a folder that all clients see")
parser.add_argument("--rounds", type=int, default=20)
args = parser.parse_args()

client = PBTClient(args.server, args.port, args.key, args.config)
model = Model(client.hyperparameters())
folder = Path(args.checkpoints, f"client-{client.client_id()}")
folder.mkdir(parents=True, exist_ok=True)

for step in range(args.rounds):
    model.train()
    path = str(folder / f"step-{step}.npy")
    model.save(path)
    saved = client.save(path, model.evaluate())
    print(f"client {saved.client_id()} step {step}: {saved.metric_value():.4f} {saved.hyperparameters()}")
    if client.should_exploit():
        client.exploit()
        model.load(client.parameters_path())
        client.explore()
        model.set_hyperparameters(client.hyperparameters())
