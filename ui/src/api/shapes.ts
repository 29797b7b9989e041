/** The JSON of the views, as `pbt/views/shapes.py` defines it. */

/** A number; those that are not finite travel as words. */
export type Num = number | "nan" | "inf" | "-inf";
export type Value = string | number | boolean | null;
export type Values = Record<string, Value>;

export type State = "training" | "reading" | "waiting" | "finished" | "empty" | "broken";

export interface Top {
  score: Num;
  member: number;
  step: number;
}

export interface Line {
  name: string;
  state: State;
  members: number;
  steps: number | null;
  best: Top | null;
  strategy: string | null;
  maximize: boolean | null;
  entry: number;
  last: number | null;
  age: number | null;
  spark: (Num | null)[];
  exploits: number;
  /** The furthest step that was ever reported. */
  furthest: number;
}

export interface PopulationEvent {
  name: string;
  entry: number;
  state: State;
  reports: number;
  best: Top | null;
}

export type Domain =
  | { kind: "float"; min: number; max: number; log: boolean | "1-x"; explore: boolean; step: number | null }
  | { kind: "int"; min: number; max: number; log: boolean | "1-x"; explore: boolean; step: number | null }
  | { kind: "ordinal" | "choice"; values: Value[]; explore: boolean }
  | { kind: "constant"; value: Value };

export interface Settings {
  /** What is as by default is left out of a domain: see `domainsOf`. */
  space: { domains: Record<string, Partial<Domain> & { kind: Domain["kind"] }> };
  maximize: boolean;
  seed: number;
  interval: number;
  strategy: { name: string; parameters?: Record<string, unknown> };
  members: number | null;
  steps: number | null;
  goal: number | null;
  synchronous: boolean;
  checkpoints: string;
}

export interface Summary {
  name: string;
  entry: number;
  state: State;
  settings: Settings | null;
  members: number;
  living: number;
  waiting: number;
  paused: number;
  /** Members that a worker could train, and that none does. */
  lacking: number;
  done: number;
  failed: number;
  reports: number;
  exploits: number;
  best: { score: Num; member: number; step: number; hyperparameters: Values; checkpoint: string } | null;
  step: { min: number; max: number } | null;
  furthest: number;
  ancestor: { member: number; step: number } | null;
  started: number | null;
  last: number | null;
  /** When the last report came. */
  reported: number | null;
  describe: string;
  warnings: { what: string; do: string }[];
}

export interface MemberRow {
  id: number;
  step: number;
  score: Num | null;
  state: string;
  role: string | null;
  hyperparameters: Values | null;
  parent: number | null;
  why: string | null;
  last: number | null;
  age: number | null;
  spark: (Num | null)[];
  exploits: number;
}

export interface MembersPage {
  entry: number;
  total: number;
  rows: MemberRow[];
}

export interface Checkpoint {
  id: string;
  member: number;
  step: number;
  score: Num;
  hyperparameters: Values;
}

export interface Why {
  rank?: number;
  of?: number;
  k?: number;
  low?: boolean;
  parent_rank?: number;
  operations?: Record<string, string>;
  note?: string;
  more?: Record<string, unknown>;
}

export interface Decision {
  member: number;
  ready: number;
  start?: string;
  parents?: Checkpoint[];
  hyperparameters?: Values | null;
  stop?: boolean;
  failed?: boolean;
  role?: string | null;
  why?: Why;
}

export interface Reason {
  entry: number;
  time: number;
  member: number;
  step: number;
  decision: Decision;
  sentence: string;
  before: Values | null;
  own: Values | null;
  after: Values | null;
  seen: { ids: number[]; scores: Num[]; low: number[]; parents: number[] };
}

export interface DecisionLine {
  entry: number;
  time: number;
  step: number;
  start: string;
  parent: number | null;
  sentence: string;
  hyperparameters: Values | null;
}

export interface MemberDecisions {
  entry: number;
  rows: DecisionLine[];
}

export interface Pieces {
  entry: number;
  member: number | null;
  pieces: [number, Values][];
}

/** A member between two decisions that gave it weights. */
export interface ExtinctLine {
  member: number;
  begin: number;
  end: number;
  entry: number;
  parent: number | null;
  score: Num;
  ended: number | null;
  heir: number | null;
}

export interface Extinct {
  entry: number;
  step: number;
  total: number;
  lines: ExtinctLine[];
}

/** A number that may not be finite, or is missing, as a number; missing is nan. */
export function real(value: Num | null | undefined): number {
  if (typeof value === "number") return value;
  return value === "inf" ? Number.POSITIVE_INFINITY : value === "-inf" ? Number.NEGATIVE_INFINITY : Number.NaN;
}

/** The hyperparameters of a population with all fields of their domains; constants left out. */
export function domainsOf(settings: Settings | null): Record<string, Domain> {
  const said = Object.entries(settings?.space.domains ?? {}).filter(([, domain]) => domain.kind !== "constant");
  return Object.fromEntries(said.map(([name, domain]) => [name, { log: false, explore: true, ...domain } as Domain]));
}
