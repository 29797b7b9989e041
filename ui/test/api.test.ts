import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { follow, heard, link, parser, refused, unfollow } from "../src/api/events";
import { addressOf, Failure, failureOf, search } from "../src/api/http";
import { Watched } from "../src/api/view";
import { access } from "../src/state/session";

test("events are cut out of the stream wherever its pieces end", () => {
  const text = 'retry: 2000\n\n:\n\nid: 7\nevent: population\ndata: {"name":"ü"}\n\nid: 8\ndata: a\ndata: b\n\n';
  for (let size = 1; size < text.length; size += 1) {
    const parse = parser();
    const frames = [];
    for (let at = 0; at < text.length; at += size) frames.push(...parse(text.slice(at, at + size)));
    expect(frames).toEqual([{ retry: 2000 }, { id: "7", data: '{"name":"ü"}' }, { id: "8", data: "a\nb" }]);
  }
});

test("addresses quote what is a user's", () => {
  expect(addressOf("a b", "views/members", { filter: "x&y #", limit: 3, order: undefined })).toBe(
    "/api/v1/populations/a%20b/views/members?filter=x%26y+%23&limit=3",
  );
  expect(search({})).toBe("");
});

test("a refusal has the server's words, and one for want of a key asks for it", async () => {
  const refusal = new Response('{"code": "Forbidden", "error": "the key is missing"}', { status: 401 });
  expect(await failureOf(refusal)).toMatchObject({ status: 401, code: "Forbidden", message: "the key is missing" });
  expect(access.value).toBe("none");
  const proxy = await failureOf(new Response("<html>Bad gateway", { status: 502 }));
  expect(proxy.message).toBe("the server answers with status 502");
  expect([proxy.passing, new Failure(0, "gone", "").passing, new Failure(404, "", "").passing]).toEqual([
    true,
    true,
    false,
  ]);
});

/** A server whose population is at an entry, and which is away now and then. */
class Server {
  entry = 5;
  away = false;
  full = false;
  asked: { url: string; tag: string | null }[] = [];
  stream: ReadableStreamDefaultController<Uint8Array> | null = null;

  readonly fetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
    if (this.away) throw new TypeError("no connection");
    if (url.includes("/events") && this.full) {
      return new Response('{"code": "Unavailable", "error": "too many streams"}', { status: 503 });
    }
    if (url.includes("/events")) {
      const body = new ReadableStream<Uint8Array>({
        start: (control) => {
          this.stream = control;
        },
      });
      init.signal?.addEventListener("abort", () => {
        this.stream = null;
      });
      return new Response(body);
    }
    const tag = new Headers(init.headers).get("if-none-match");
    this.asked.push({ url, tag });
    if (tag === `"${this.entry}"`) return new Response(null, { status: 304, headers: { etag: tag } });
    return new Response(JSON.stringify({ entry: this.entry, url }), { headers: { etag: `"${this.entry}"` } });
  };

  happen(): void {
    this.entry += 1;
    const said = JSON.stringify({ name: "digits", entry: this.entry, state: "training", reports: 1, best: null });
    this.stream?.enqueue(new TextEncoder().encode(`id: ${this.entry}\ndata: ${said}\n\n`));
  }
}

let server: Server;
let watched: Watched<{ entry: number; url: string }>;
const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

beforeEach(async () => {
  vi.useFakeTimers();
  server = new Server();
  vi.stubGlobal("fetch", server.fetch);
  heard.value = new Map();
  link.value = "connecting";
  follow("digits");
  watched = new Watched("digits", (answer) => answer.json());
  watched.ask("/a");
  await settle();
});

afterEach(() => {
  watched.close();
  unfollow();
  vi.unstubAllGlobals();
});

test("a view is asked for once, and again when its population has changed, once a second", async () => {
  await settle(5000);
  expect(server.asked.length).toBe(1);
  for (let i = 0; i < 20; i += 1) {
    server.happen();
    await settle(100);
  }
  await settle(2000);
  expect(watched.held.value.data?.entry).toBe(25);
  expect(server.asked.length).toBeLessThanOrEqual(5);
  expect(server.asked[1]?.tag).toBe('"5"');
});

test("another address is asked for at once, without a tag, while the old answer stays", async () => {
  watched.ask("/b");
  expect(watched.held.value.data?.url).toBe("/a");
  await settle();
  expect(watched.held.value).toMatchObject({ address: "/b", data: { url: "/b" } });
  expect(server.asked.at(-1)).toEqual({ url: "/b", tag: null });
});

test("a server that was away is found again, and asked anew whatever its journal's number", async () => {
  server.away = true;
  server.stream?.error(new Error("cut"));
  await settle(100);
  expect(link.value).toBe("gone");
  expect(watched.held.value.data?.entry).toBe(5);
  await settle(10_000);
  server.away = false;
  server.entry = 2;
  await settle(40_000);
  expect(link.value).toBe("live");
  expect(watched.held.value.data?.entry).toBe(2);
  expect(watched.held.value.failure).toBeUndefined();
});

test("a server that gives no stream says why, and is asked again", async () => {
  server.full = true;
  server.stream?.error(new Error("cut"));
  await settle(1000);
  expect(link.value).toBe("gone");
  expect(refused.value).toBe("too many streams");
  server.full = false;
  await settle(40_000);
  expect(link.value).toBe("live");
});
