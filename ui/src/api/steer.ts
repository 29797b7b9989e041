/** Changes to a population, as `pbt/population/changes.py` defines them. */

import { addressOf, send } from "./http";
import type { Checkpoint, Decision, Values } from "./shapes";

export type Change =
  | { kind: "set"; members: number[]; values: Values }
  | { kind: "clone"; parent: number; member: number; explore?: boolean }
  | { kind: "fork"; checkpoint: string; member: number; values?: Values }
  | { kind: "stop" | "pause" | "resume" | "revive"; members?: number[] }
  | { kind: "pin" | "unpin"; checkpoint: string }
  | { kind: "bound"; name: string; low?: number; high?: number }
  | { kind: "steps"; steps: number };

export type Kind = Change["kind"];

/** What a change does, or did: in words, and as it stands in the journal. */
export interface Steering {
  effect: string;
  event: Record<string, unknown>;
  decisions?: Decision[];
  seen?: Record<string, unknown>;
  entry?: number;
}

export interface ChangeLine {
  entry: number;
  time: number;
  by: string;
  why: string;
  what: string;
  member: number | null;
  undo: Change | null;
}

export interface ChangesView {
  entry: number;
  paused: number[];
  pins: Checkpoint[];
  rows: ChangeLine[];
}

interface Told {
  change: Change;
  by: string;
  why: string;
}

/** What it would do. */
export function preview(population: string, told: Told): Promise<Steering> {
  return send<Steering>("POST", addressOf(population, "steer"), { ...told, preview: true });
}

/** Make it, unless that on which its effect depends has moved since it was shown. */
export function write(population: string, told: Told, seen: Steering["seen"]): Promise<Steering> {
  return send<Steering>("POST", addressOf(population, "steer"), { ...told, seen: seen ?? {}, nonce: nonce() });
}

/** 128 random bits: a change that is told again, after a lost answer, is known by them. */
function nonce(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
