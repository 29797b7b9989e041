/** A view of a population, kept up to date: one request at a time, and a stale one asked for again once a second. */

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { type Columns, decode } from "./columns";
import { heard, link, lost, returns } from "./events";
import { addressOf, Failure, get, type Query } from "./http";

export interface Held<T> {
  /** The newest answer, if there is one; it stays while another is asked for. */
  data?: T;
  /** Where it came from. */
  address?: string;
  /** Of the last request, if it was refused. */
  failure?: Failure;
  /** When the answer came, in milliseconds since 1970. */
  at: number;
}

type Read<T> = (answer: Response) => Promise<T>;

/** Milliseconds from one request for a view to the next, at least. */
const EVERY = 1_000;

export class Watched<T> {
  readonly held = signal<Held<T>>({ at: 0 });
  readonly #read: Read<T>;
  readonly #population: string;
  readonly #control = new AbortController();
  readonly #stop: () => void;
  #address = "";
  #asked = { address: "", etag: "", state: "", returns: 0, began: 0, took: 0 };
  #busy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `population` "": of all, so that any event makes it stale. */
  constructor(population: string, read: Read<T>) {
    this.#population = population;
    this.#read = read;
    this.#stop = effect(() => {
      heard.value;
      returns.value;
      if (link.value === "live") this.#next();
    });
  }

  /** From now on show what this address gives. */
  ask(address: string): void {
    if (address === this.#address) return;
    this.#address = address;
    this.#next();
  }

  close(): void {
    this.#stop();
    clearTimeout(this.#timer);
    this.#control.abort();
  }

  #next(): void {
    if (this.#busy || !this.#address || this.#control.signal.aborted) return;
    const other = this.#asked.address !== this.#address;
    if (!other && (link.peek() !== "live" || !this.#stale)) return;
    clearTimeout(this.#timer);
    const wait = this.#asked.began + Math.max(EVERY, 4 * this.#asked.took) - Date.now();
    if (other || wait <= 0) this.#request();
    else this.#timer = setTimeout(() => this.#next(), wait);
  }

  get #stale(): boolean {
    const { failure } = this.held.peek();
    if (this.#asked.returns !== returns.peek() || failure?.passing) return true;
    if (this.#population === "") return this.#asked.etag !== entries();
    const event = heard.peek().get(this.#population);
    if (event === undefined) return false;
    this.#asked.state ||= event.state;
    return event.entry > Number(this.#asked.etag.replaceAll('"', "") || -1) || event.state !== this.#asked.state;
  }

  async #request(): Promise<void> {
    this.#busy = true;
    const address = this.#address;
    const began = Date.now();
    const during = returns.peek();
    // That a worker died is told without an entry: by the state alone.
    const state = heard.peek().get(this.#population)?.state ?? "";
    const same = address === this.#asked.address && during === this.#asked.returns && state === this.#asked.state;
    const known = same && this.#population !== "";
    const etag = known && this.#asked.etag ? this.#asked.etag : undefined;
    const seen = entries();
    try {
      const answer = await get(address, { etag, signal: this.#control.signal });
      const tag = this.#population === "" ? seen : (answer.headers.get("etag") ?? "");
      const data = answer.status === 304 ? (this.held.peek().data as T) : await this.#read(answer);
      this.#asked = { address, etag: tag, state, returns: during, began, took: Date.now() - began };
      this.held.value = { data, address, at: Date.now() };
    } catch (error) {
      if (this.#control.signal.aborted) return;
      const failure = error instanceof Failure ? error : new Failure(0, "unreadable", String(error));
      this.#asked = { address, etag: "", state, returns: during, began, took: Date.now() - began };
      this.held.value = { ...this.held.peek(), failure };
      if (failure.status === 0) lost();
    } finally {
      this.#busy = false;
    }
    if (this.#address !== address || link.peek() === "live") this.#next();
  }
}

/** The entries of all populations in a word: it changes when one of them does. */
function entries(): string {
  return [...heard.peek().values()].map((event) => `${event.name}:${event.entry}:${event.state}`).join(" ");
}

const json: Read<unknown> = (answer) => answer.json();
const columns: Read<Columns> = async (answer) => decode(await answer.arrayBuffer());

function useWatched<T>(population: string, read: Read<T>, address: string): ReadonlySignal<Held<T>> {
  const watched = useMemo(() => new Watched(population, read), [population, read]);
  useEffect(() => () => watched.close(), [watched]);
  useEffect(() => watched.ask(address), [watched, address]);
  return watched.held;
}

/** A view in JSON. While `query` is null nothing is asked. */
export function useView<T>(population: string, view: string, query: Query | null = {}): ReadonlySignal<Held<T>> {
  const address = query === null ? "" : addressOf(population, `views/${view}`, query);
  return useWatched(population, json as Read<T>, address);
}

/** A view in columns. While `query` is null nothing is asked. */
export function useColumns(population: string, view: string, query: Query | null = {}): ReadonlySignal<Held<Columns>> {
  return useWatched(population, columns, query === null ? "" : addressOf(population, `views/${view}`, query));
}

/** Something that is not of one population. */
export function useAddress<T>(address: string): ReadonlySignal<Held<T>> {
  return useWatched("", json as Read<T>, address);
}
