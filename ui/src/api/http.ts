/** Requests to the server that gave this page. */

import { locked, token } from "../state/session";
import { answer, isReport } from "./report";

export const API = "/api/v1";

/** What went wrong, in the server's words. `status` 0: it did not answer. */
export class Failure extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, text: string) {
    super(text);
    this.status = status;
    this.code = code;
  }

  /** Nothing is wrong with the request: the server is away, or too busy. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export type Query = Record<string, string | number | undefined>;

/** Address of something of a population; `what` as in "views/series". */
export function addressOf(population: string, what: string, query: Query = {}): string {
  return `${API}/populations/${encodeURIComponent(population)}/${what}${search(query)}`;
}

export function search(query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const said = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return said && `?${said}`;
}

/** An answer, whatever its status says. Throws a `Failure` where none comes. */
export async function ask(address: string, init: RequestInit = {}): Promise<Response> {
  if (isReport) return answer(address);
  try {
    return await fetch(address, { credentials: "same-origin", ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Failure(0, "gone", "the server does not answer");
  }
}

/** Read something: the answer, with status 200 or 304. */
export async function get(address: string, init: { etag?: string | undefined; signal?: AbortSignal } = {}) {
  const headers: Record<string, string> = init.etag === undefined ? {} : { "If-None-Match": init.etag };
  const answer = await ask(address, { headers, cache: "no-store", ...(init.signal && { signal: init.signal }) });
  if (!answer.ok && answer.status !== 304) throw await failureOf(answer);
  return answer;
}

/** Change something: the answer's JSON. */
export async function send<T>(method: "POST" | "DELETE", address: string, body: unknown = {}): Promise<T> {
  const headers = { "Content-Type": "application/json", "x-pbt-csrf": token.peek() };
  const answer = await ask(address, { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw await failureOf(answer);
  return (await answer.json()) as T;
}

/** The server's words in an answer that refuses. Without a key, the page asks for one. */
export async function failureOf(answer: Response): Promise<Failure> {
  let code = "error";
  let text = `the server answers with status ${answer.status}`;
  try {
    const said = (await answer.json()) as { code?: unknown; error?: unknown };
    if (typeof said.code === "string") code = said.code;
    if (typeof said.error === "string") text = said.error;
  } catch {
    // not JSON: a proxy's page, or a body that was cut
  }
  if (answer.status === 401) locked();
  return new Failure(answer.status, code, text);
}
