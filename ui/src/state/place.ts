/** Where the page is: everything that a link to it must restore stands in its address. */

import { computed, signal } from "@preact/signals";
import { about, isReport } from "../api/report";

export interface Place {
  /** "": the list of all. */
  population: string;
  view: string;
  /** The rest of the query. */
  query: Readonly<Record<string, string>>;
}

export const FIRST = "population";

export function placeOf(path: string, search: string): Place {
  const query = Object.fromEntries(new URLSearchParams(search));
  const { view = FIRST, ...rest } = query;
  return { population: decoded(path.replace(/^\//, "")), view, query: rest };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Where the page stands; in a report, which may lie anywhere, behind the address's #. */
function here(): Place {
  if (!isReport) return placeOf(location.pathname, location.search);
  const [path = "", search = ""] = location.hash.slice(1).split("?");
  const found = placeOf(path, search);
  return found.population ? found : { ...found, population: about.name };
}

export const place = signal<Place>(here());
export const population = computed(() => place.value.population);

/** Changes to a place; an undefined part of the query is left out of the address. */
export interface To {
  population?: string;
  view?: string;
  query?: Record<string, string | undefined>;
}

/** Parts of the query that stay when another view of the same population is shown. */
const KEPT = ["from", "to", "lit", "colour"];

export function placed(from: Place, to: To): Place {
  const name = to.population ?? from.population;
  const view = to.view ?? (name === from.population ? from.view : FIRST);
  const same = name === from.population;
  const kept = Object.entries(from.query).filter(([key]) => same && (view === from.view || KEPT.includes(key)));
  const query = { ...Object.fromEntries(kept), ...to.query };
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return { population: name, view, query: Object.fromEntries(given) };
}

export function addressOfPlace({ population, view, query }: Place): string {
  const said = new URLSearchParams(view === FIRST ? query : { view, ...query }).toString();
  return `${isReport ? "#" : ""}/${encodeURIComponent(population)}${said && `?${said.replaceAll("%2C", ",")}`}`;
}

export function hrefTo(to: To): string {
  return addressOfPlace(placed(place.value, to));
}

/** Go there. `replace`: the address before is not one to come back to. */
export function go(to: To, { replace = false } = {}): void {
  const next = placed(place.peek(), to);
  const address = addressOfPlace(next);
  if (address === addressOfPlace(place.peek())) return;
  const elsewhere = next.view !== place.peek().view || next.population !== place.peek().population;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  place.value = next;
  if (elsewhere) scrollTo(0, 0);
}

addEventListener("popstate", () => {
  place.value = here();
});
