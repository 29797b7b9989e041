"""CartPole with PPO in PyTorch: a population in turns. Any number of these processes train one population.

pbt run --members 16 --workers 2 --steps 80 runs/cartpole -- python examples/cartpole_ppo.py

A step is one update: 8 environments × 128 steps, then 4 epochs. Needs torch and gymnasium.
"""

import gymnasium
import numpy
import torch
from torch import nn

import pbt

SPACE = {
    "lr": pbt.Float(1e-5, 1e-1, log=True),
    "gamma": pbt.Float(0.9, 0.9999, log="1-x"),
    "gae": pbt.Float(0.8, 0.99),
    "clip": pbt.Float(0.05, 0.4),
    "entropy": pbt.Float(1e-5, 1e-1, log=True),
    "minibatch": pbt.Ordinal([64, 128, 256, 512]),
}
ENVS, LENGTH, EPOCHS = 8, 128, 4


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.policy, self.value = (
            nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, n)) for n in (2, 1)
        )

    def forward(self, x):
        return torch.distributions.Categorical(logits=self.policy(x)), self.value(x).squeeze(-1)


class Environments:
    """Several environments, stepped together; the returns of episodes that ended are kept until they are asked for."""

    def __init__(self, seed):
        self.envs = gymnasium.make_vec("CartPole-v1", ENVS, vectorization_mode="sync")
        self.observation, _ = self.envs.reset(seed=seed)
        self.running, self.ended = numpy.zeros(ENVS), []

    def step(self, action):
        self.observation, reward, terminated, truncated, _ = self.envs.step(action)
        self.running += reward
        over = terminated | truncated
        self.ended += self.running[over].tolist()
        self.running[over] = 0
        return reward, over

    def mean_return(self):
        returns = self.ended or self.running.tolist()  # none has ended where a worker is interrupted at once
        self.ended = []
        return sum(returns) / len(returns)


def rollout(agent, environments):
    """Observations, actions, their log-probabilities, values, rewards and ends: LENGTH × ENVS each; the last value."""
    rows = []
    for _ in range(LENGTH):
        x = torch.as_tensor(environments.observation)
        policy, value = agent(x)
        action = policy.sample()
        reward, over = environments.step(action.numpy())
        rows.append((x, action, policy.log_prob(action), value, torch.as_tensor(reward), torch.as_tensor(over)))
    _, last = agent(torch.as_tensor(environments.observation))
    return [torch.stack(column) for column in zip(*rows, strict=True)], last


def advantages(values, rewards, ends, last, gamma, gae):
    """Generalised advantage estimates."""
    found, ahead, value = torch.zeros_like(values), torch.zeros(ENVS), last
    for t in reversed(range(LENGTH)):
        goes_on = 1 - ends[t].float()
        ahead = rewards[t] + gamma * value * goes_on - values[t] + gamma * gae * goes_on * ahead
        found[t], value = ahead, values[t]
    return found


def update(agent, optimizer, environments, member):
    with torch.no_grad():
        (x, actions, before, values, rewards, ends), last = rollout(agent, environments)
        gain = advantages(values, rewards, ends, last, member["gamma"], member["gae"]).float()
    x, actions, before, gain, target = (a.flatten(0, 1) for a in (x, actions, before, gain, gain + values))
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(member["minibatch"]):
            policy, value = agent(x[batch])
            ratio = (policy.log_prob(actions[batch]) - before[batch]).exp()
            normed = (gain[batch] - gain[batch].mean()) / (gain[batch].std() + 1e-8)
            clipped = ratio.clamp(1 - member["clip"], 1 + member["clip"])
            loss = -torch.minimum(ratio * normed, clipped * normed).mean()
            loss = loss + 0.5 * (value - target[batch]).square().mean() - member["entropy"] * policy.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()


def train():
    torch.set_num_threads(1)
    for member in pbt.turns(space=SPACE, members=16, steps=80, interval=4, maximize=True):
        torch.manual_seed(member.seed)
        agent, environments = Agent(), Environments(member.seed)
        optimizer = torch.optim.Adam(agent.parameters())
        if member.checkpoint:  # a parent's, one's own from before, or a dead worker's
            state = torch.load(member.checkpoint / "state.pt", weights_only=True)
            agent.load_state_dict(state["agent"])
            optimizer.load_state_dict(state["optimizer"])
        optimizer.param_groups[0]["lr"] = member["lr"]  # after the load, which brings the parent's back

        def save(folder):
            torch.save({"agent": agent.state_dict(), "optimizer": optimizer.state_dict()}, folder / "state.pt")

        for step in member.steps():
            update(agent, optimizer, environments, member)
            if member.due(step):  # after 4 × 128 steps of episodes of 500 at most: some have ended in each environment
                score = environments.mean_return()
                member.report(score, save=save, used={"lr": optimizer.param_groups[0]["lr"]})


if __name__ == "__main__":
    train()
