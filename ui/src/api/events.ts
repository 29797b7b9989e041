/** The stream of events: how populations stand, as they change. One for the page; none while its tab is hidden. */

import { signal } from "@preact/signals";
import { API, Failure, failureOf } from "./http";
import { isReport } from "./report";
import type { PopulationEvent } from "./shapes";

export type Link = "connecting" | "live" | "gone" | "hidden";

/** How the page stands with its server. */
export const link = signal<Link>("connecting");
/** Why there is no stream, where the server says so: it has too many, say. */
export const refused = signal("");
/** How often the server was gone and came back: what was read before may be of another journal. */
export const returns = signal(0);
/** The newest event of each population. */
export const heard = signal<ReadonlyMap<string, PopulationEvent>>(new Map());

/** Milliseconds without a byte after which a stream counts as cut; the server says something every 15 s. */
const SILENCE = 40_000;
const LONGEST = 30_000;

let wanted: string | null = null;
let current: AbortController | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
let retry = 2_000;
let tries = 0;
let last = "";

/** Follow one population, or all with "". */
export function follow(population: string): void {
  if (population === wanted) return;
  wanted = population;
  last = "";
  connect();
}

/** Follow nothing: there is no key. */
export function unfollow(): void {
  wanted = null;
  cut();
}

/** A request met no server: look again soon. */
export function lost(): void {
  if (link.value === "live" || link.value === "connecting") {
    cut();
    again();
  }
}

/** Begin at once, without waiting for the next try. */
export function connect(): void {
  cut();
  if (wanted === null) return;
  if (isReport) {
    link.value = "live";
    return;
  }
  if (document.hidden) {
    link.value = "hidden";
    return;
  }
  if (link.value === "hidden") link.value = "connecting";
  const control = new AbortController();
  current = control;
  read(control).catch((error: unknown) => {
    if (control !== current) return;
    refused.value = error instanceof Failure && error.status > 0 ? error.message : "";
    again();
  });
}

function cut(): void {
  clearTimeout(timer);
  current?.abort();
  current = null;
}

function again(): void {
  clearTimeout(timer);
  link.value = "gone";
  const wait = Math.min(LONGEST, retry * 2 ** Math.min(tries, 6)) * (0.75 + Math.random() / 2);
  tries += 1;
  timer = setTimeout(connect, tries === 1 ? 500 : wait);
}

/** There is no such population, which may come. */
function later(control: AbortController): void {
  if (control !== current) return;
  link.value = "live";
  timer = setTimeout(connect, LONGEST);
}

async function read(control: AbortController): Promise<void> {
  const only = wanted ? `?population=${encodeURIComponent(wanted)}` : "";
  const headers: Record<string, string> = last ? { "Last-Event-ID": last } : {};
  const answer = await fetch(`${API}/events${only}`, { headers, signal: control.signal, cache: "no-store" });
  if (!answer.ok || answer.body === null) {
    const failure = await failureOf(answer);
    if (failure.status === 404) return void later(control);
    throw failure;
  }
  tries = 0;
  if (link.value === "gone") returns.value += 1;
  link.value = "live";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const parse = parser();
  for (;;) {
    const watch = setTimeout(() => control.abort(), SILENCE);
    const { done, value } = await reader.read().finally(() => clearTimeout(watch));
    if (done) throw new Failure(0, "gone", "the stream has ended");
    take(parse(value));
  }
}

function take(frames: Frame[]): void {
  const found = new Map(heard.value);
  for (const frame of frames) {
    if (frame.retry !== undefined) retry = frame.retry;
    if (frame.data === undefined) continue;
    const event = JSON.parse(frame.data) as PopulationEvent;
    found.set(event.name, event);
    if (frame.id !== undefined) last = frame.id;
  }
  if (frames.some((frame) => frame.data !== undefined)) heard.value = found;
}

export interface Frame {
  id?: string;
  data?: string;
  retry?: number;
}

/** Cuts a stream of server-sent events into frames; comments are none. */
export function parser(): (text: string) => Frame[] {
  let rest = "";
  return (text) => {
    const parts = (rest + text).split("\n\n");
    rest = parts.pop() ?? "";
    return parts.map(frameOf).filter((frame) => Object.keys(frame).length > 0);
  };
}

function frameOf(text: string): Frame {
  const found: Frame = {};
  for (const line of text.split("\n")) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name === "id") found.id = value ?? "";
    else if (name === "data") found.data = found.data === undefined ? (value ?? "") : `${found.data}\n${value}`;
    else if (name === "retry") found.retry = Number(value);
  }
  return found;
}

if (typeof document !== "undefined") {
  document.addEventListener("visibilitychange", connect);
  window.addEventListener("online", connect);
  window.addEventListener("pagehide", cut);
}
